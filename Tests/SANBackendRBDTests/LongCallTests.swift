import SANModel
import Synchronization
import Testing

@testable import SANBackendRBD

@Suite struct LongCallTests {
    @Test("a stop that is obeyed is no sign of another client; one that is passed over is, once")
    func noticesDisobedience() {
        let count = Mutex(0)
        let call = LongCall("the test", unheard: { _ in count.withLock { $0 += 1 } })
        func advance() -> Int32 { call.withArgument { unsafe LongCall.callback(1, 2, $0) } }
        for _ in 1...5 { #expect(advance() == 0) }
        call.stop()
        for _ in 1...2 { #expect(advance() == -125) }
        #expect(count.withLock { $0 } == 0)
        for _ in 1...5 { #expect(advance() == -125) }
        #expect(count.withLock { $0 } == 1)
    }

    @Test("a step that was refused leaves what those before it left; one that has begun, or is others', may leave more")
    func settles() throws {
        let (cut, half) = (StorageError(.invalidState, "Cut"), StorageError(.invalidState, "Half done"))
        func left(
            after failure: CephFailure, at executor: String? = nil, hasBegun: Bool = false, isCut: Bool = false
        ) throws -> [StorageError] {
            let call = LongCall("the test")
            try call.proceed(leaving: cut)
            _ = call.withArgument { unsafe LongCall.callback(1, 2, $0) }
            try call.proceed(at: executor, leaving: half)
            #expect(!call.hasBegun && call.left.count == 2)
            if hasBegun { _ = call.withArgument { unsafe LongCall.callback(1, 2, $0) } }
            call.settle(failure, isCut: isCut)
            return call.left
        }
        let (refused, broken) = (CephFailure(-30 as Int32), CephFailure(-5 as Int32))
        #expect(try left(after: refused).map(\.message) == ["Cut"])
        #expect(try left(after: broken).count == 2)
        #expect(try left(after: CephFailure(0 as Int32)).count == 2)
        #expect(try left(after: refused, hasBegun: true).count == 2)
        #expect(try left(after: refused, at: "10.0.0.1:0/1").count == 2)
        // Of a cut within one object nothing is told.
        #expect(try left(after: refused, isCut: true).count == 1)
        let forbidden = CephFailure(-1 as Int32)
        #expect(try left(after: forbidden).count == 1 && left(after: forbidden, isCut: true).count == 2)
    }

    @Test("a step's progress is what it has done of its own part, after what the steps before it have")
    func counts() throws {
        let told = Mutex<[UInt64]>([])
        let call = LongCall("the test", over: 100) { done in told.withLock { $0.append(done) } }
        func advance(_ done: UInt64, _ total: UInt64) -> Int32 {
            call.withArgument { unsafe LongCall.callback(done, total, $0) }
        }
        #expect(advance(1, 4) == 0)
        try call.proceed(over: LongCall.Work(end: 100, start: 40))
        for done: UInt64 in [0, 4, 5, 10, 11] { #expect(advance(done, 10) == 0) }
        try call.proceed(over: LongCall.Work(end: 40, before: 60))
        #expect(advance(1, 2) == 0 && advance(0, 0) == 0)
        try call.proceed(over: LongCall.Work(end: .max, before: 60))
        #expect(advance(.max, .max) == 0)
        #expect(told.withLock { $0 } == [25, 0, 0, 10, 60, 60, 80, 100])
    }
}
