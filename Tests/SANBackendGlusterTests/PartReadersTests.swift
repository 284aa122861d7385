import SANHost
import SANModel
import Synchronization
import Testing

@testable import SANBackendGluster

/// Readers of one list: all of it, or nothing.
@Suite(.timeLimit(.minutes(1))) struct PartReadersTests {
    private final class Parts: Sendable {
        private let rest: Mutex<[Int]>
        private let isStopped = Atomic(false)

        init(_ count: Int) { rest = Mutex(Array(0..<count)) }

        func stop() { isStopped.store(true, ordering: .relaxed) }

        func take() -> Int? {
            isStopped.load(ordering: .relaxed) ? nil : rest.withLock { $0.popLast() }
        }
    }

    private func read(
        _ parts: Parts, _ check: @escaping @Sendable (Int) async throws(StorageError) -> Void
    ) async throws(StorageError) -> [Int] {
        try await PartReaders(count: 8, stop: { parts.stop() }).read { () async throws(StorageError) in
            var taken: [Int] = []
            while let part = parts.take() {
                try await check(part)
                taken.append(part)
            }
            return taken
        }
    }

    @Test func `Every part is read once`() async throws {
        #expect(try await read(Parts(1000)) { _ in }.sorted() == Array(0..<1000))
    }

    @Test func `A reader that fails in the middle ends the others, and its error is told`() async {
        let parts = Parts(1000)
        let error = await #expect(throws: StorageError.self) {
            try await read(parts) { part throws(StorageError) in
                if part == 500 { throw StorageError(.unavailable, "Can't list 'gluster://h/v'") }
            }
        }
        #expect(error?.code == .unavailable && error?.message == "Can't list 'gluster://h/v'")
        // A reader that had not begun would find nothing to do.
        #expect(parts.take() == nil)
    }

    @Test func `Nothing of a list is kept that is cancelled in the middle`() async {
        let parts = Parts(1000)
        let calls = OutstandingCalls(of: "gluster://h/v")
        let task = Task {
            try await PartReaders(count: 8, stop: { parts.stop() }).read { () async throws(StorageError) in
                var taken: [Int] = []
                while let part = parts.take() {
                    if part == 500 { withUnsafeCurrentTask { $0?.cancel() } }
                    taken.append(try await calls.call("a part", until: .never) { part })
                }
                return taken
            }
        }
        let result = await task.result
        let error = #expect(throws: StorageError.self) { try result.get() }
        #expect(error?.code == .cancelled)
        #expect(parts.take() == nil)
    }
}
