import SANEngine
import SANHost
import SANModel
import Synchronization

/// Watches a transfer that runs on a thread: ends it when it is cancelled, and gives up on storage that doesn't answer any more.
///
/// The deadline of the operation isn't looked at: a transfer goes on while bytes move.
final class TransferMonitor: Sendable {
    private struct State {
        var isCancelled = false
        /// Since when the storage has been asked, while it has.
        var waiting: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let progress: any ProgressReporting

    private init(progress: any ProgressReporting) {
        self.progress = progress
    }

    /// Runs a transfer on a thread of its own.
    ///
    /// - Throws: what `body` throws, `cancelled`, and `timed_out` where one call took longer than the context's patience.
    static func run<Value: Sendable>(
        on what: String, in context: OperationContext,
        _ body: @escaping @Sendable (TransferMonitor) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let monitor = TransferMonitor(progress: context.progress)
        let result = await withTaskGroup(of: Result<Value, StorageError>?.self) { group in
            group.addTask {
                do throws(StorageError) {
                    return .success(
                        try await withBlockingThread(named: "san-dir-data", until: .never, waitingFor: what) {
                            () throws(StorageError) in try body(monitor)
                        })
                } catch {
                    return .failure(error)
                }
            }
            group.addTask { await monitor.watch(patience: context.patience, what).map { .failure($0) } }
            defer {
                monitor.cancel()
                group.cancelAll()
            }
            while let result = await group.next() {
                if let result { return result }
            }
            return .failure(StorageError(.cancelled, "Cancelled while waiting for \(what)"))
        }
        return try result.get()
    }

    /// Makes one call to the storage, watched.
    func asking<Value>(_ call: () throws(StorageError) -> Value) throws(StorageError) -> Value {
        let isCancelled = state.withLock { state in
            state.waiting = .now
            return state.isCancelled
        }
        defer { state.withLock { $0.waiting = nil } }
        guard !isCancelled else { throw StorageError(.cancelled, "The transfer was cancelled") }
        return try call()
    }

    func checkCancellation() throws(StorageError) {
        if state.withLock({ $0.isCancelled }) { throw StorageError(.cancelled, "The transfer was cancelled") }
    }

    func report(_ done: UInt64, of total: UInt64?) {
        progress.report(done: ByteCount(done), total: total.map { ByteCount($0) })
    }

    private func cancel() {
        state.withLock { $0.isCancelled = true }
    }

    /// - Returns: nil when it was cancelled itself.
    private func watch(patience: Duration, _ what: String) async -> StorageError? {
        while true {
            let since = state.withLock { $0.waiting }
            do {
                try await Task.sleep(until: (since ?? .now).advanced(by: patience), clock: .continuous)
            } catch {
                return nil
            }
            if let since, state.withLock({ $0.waiting }) == since {
                return StorageError(
                    .timedOut, "Waited in vain for \(what): one read or write didn't end within \(patience)")
            }
        }
    }
}
