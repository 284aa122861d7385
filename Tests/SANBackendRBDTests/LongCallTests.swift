import SANModel
import Synchronization
import Testing

@testable import SANBackendRBD

@Suite struct LongCallTests {
    @Test("a stop that is obeyed is no sign of another client; one that is passed over is, once")
    func noticesDisobedience() {
        let count = Mutex(0)
        let call = LongCall(unheard: { _ in count.withLock { $0 += 1 } })
        func advance() -> Int32 { call.withArgument { unsafe LongCall.callback(1, 2, $0) } }
        for _ in 1...5 { #expect(advance() == 0) }
        call.stop()
        for _ in 1...2 { #expect(advance() == -125) }
        #expect(count.withLock { $0 } == 0)
        for _ in 1...5 { #expect(advance() == -125) }
        #expect(count.withLock { $0 } == 1)
    }

    @Test("a step's progress is what it has done of its own part, after what the steps before it have")
    func counts() throws {
        let told = Mutex<[UInt64]>([])
        let call = LongCall(over: 100) { done in told.withLock { $0.append(done) } }
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
