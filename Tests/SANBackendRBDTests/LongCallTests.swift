import SANModel
import Synchronization
import Testing

@testable import SANBackendRBD

@Suite struct LongCallTests {
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
