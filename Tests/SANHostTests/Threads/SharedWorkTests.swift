import SANModel
import Synchronization
import Testing

@testable import SANHost

@Suite("Work that threads share")
struct SharedWorkTests {
    @Test("is done once for each thing, and comes back in the things' order", arguments: [0, 1, 7, 300])
    func order(_ count: Int) throws {
        let calls = Atomic(0)
        let values = try mapOnThreads(Array(0..<count), named: "test") { number throws(StorageError) in
            calls.wrappingAdd(1, ordering: .relaxed)
            return number * 2
        }
        #expect(values == (0..<count).map { $0 * 2 })
        #expect(calls.load(ordering: .relaxed) == count)
    }

    @Test("fails with the error of the first thing that fails")
    func failure() {
        let error = #expect(throws: StorageError.self) {
            try mapOnThreads(Array(0..<100), named: "test") { number throws(StorageError) in
                if number % 30 == 29 { throw StorageError(.hostFailure, "\(number)") }
                return number
            }
        }
        #expect(error?.message == "29")
    }
}
