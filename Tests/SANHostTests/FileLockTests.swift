import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@Suite("Locks between tasks and processes")
struct FileLockTests {
    private let folder: TemporaryFolder
    private var path: FilePath { folder.appending("lock") }

    init() throws {
        folder = try TemporaryFolder()
    }

    private func acquire(
        _ mode: FileLock.Mode, verb: String = "test", within: Duration = .seconds(60)
    ) async throws(StorageError) -> FileLock {
        try await FileLock.acquire(mode, at: path, for: verb, of: "Pool 'p'", until: .after(within))
    }

    @Test("shared locks go together, an exclusive one excludes")
    func modes() async throws {
        let first = try await acquire(.shared)
        let second = try await acquire(.shared)
        #expect(try FileLock.attempt(.exclusive, at: path, for: nil) == nil)
        first.release()
        second.release()
        second.release()
        let exclusive = try #require(try FileLock.attempt(.exclusive, at: path, for: nil))
        #expect(try FileLock.attempt(.shared, at: path, for: nil) == nil)
        exclusive.release()
    }

    @Test("at the deadline the wait is 'busy', and says who is in the way")
    func busy() async throws {
        let held = try await acquire(.exclusive, verb: "refresh")
        let error = await #expect(throws: StorageError.self) {
            try await acquire(.exclusive, within: .milliseconds(50))
        }
        #expect(error?.code == .busy)
        #expect(error?.message.contains("'refresh' (process ") == true)
        held.release()
    }

    @Test("a waiter gets the lock when it is released")
    func waits() async throws {
        let held = try await acquire(.exclusive)
        async let waiting = acquire(.exclusive)
        held.release()
        try await waiting.release()
    }

    @Test("a wait that was given up releases the lock that it is granted late")
    func abandoned() async throws {
        let held = try await acquire(.exclusive)
        _ = await #expect(throws: StorageError.self) { try await acquire(.exclusive, within: .milliseconds(20)) }
        let waiting = Task { () async -> StorageError.Code? in
            do throws(StorageError) {
                try await acquire(.shared).release()
                return nil
            } catch {
                return error.code
            }
        }
        waiting.cancel()
        #expect(await waiting.value == .cancelled)
        held.release()
        // It is free again, although two threads were waiting in the kernel.
        try await acquire(.exclusive).release()
    }

    @Test("a lock that is dropped without a release is released")
    func dropped() async throws {
        _ = try await acquire(.exclusive)
        try await acquire(.exclusive, within: .seconds(60)).release()
    }
}
