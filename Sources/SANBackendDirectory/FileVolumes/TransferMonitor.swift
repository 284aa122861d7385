import SANEngine
import SANHost
import SANModel
import Synchronization

/// Watches a transfer that runs on a thread: ends it when it is cancelled, and gives up on storage that doesn't answer any more.
///
/// The deadline of the operation isn't looked at: a transfer goes on while bytes move. A transfer that is cancelled is over when this says so:
/// no byte is written to a volume after that.
final class TransferMonitor: Sendable {
    private struct State {
        var isCancelled = false
        /// Whether nobody waits for the thread any more.
        var isAbandoned = false
        /// When the thread was last seen to go on; nil while it waits for the user.
        ///
        /// Whatever else it does may hang with the storage.
        var waiting: ContinuousClock.Instant? = .now
        /// In a read or write of the caller's file or pipe, which may never end, and after which nothing is written.
        var isStreaming = false
        /// Bytes that are done, as far as was told.
        var done: UInt64 = 0
    }

    private let state = Mutex(State())
    private let progress: any ProgressReporting

    private init(progress: any ProgressReporting) {
        self.progress = progress
    }

    /// Runs a transfer on a thread of its own.
    ///
    /// - Parameter isUpload: whether an error says how many bytes are on the volume.
    /// - Throws: what `body` throws, `cancelled`, and `timed_out` where one call took longer than the context's patience.
    static func run<Value: Sendable>(
        on what: String, isUpload: Bool = false, in context: OperationContext,
        _ body: @escaping @Sendable (TransferMonitor) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let monitor = TransferMonitor(progress: context.progress)
        let outcome = FirstResult<Value>()
        // Neither is a child of this task: cancelling it mustn't let go of a thread that is about to write.
        Task {
            do throws(StorageError) {
                let value = try await withBlockingThread(named: "san-dir-data", until: .never, waitingFor: what) {
                    () throws(StorageError) in try body(monitor)
                }
                outcome.finish(.success(value))
            } catch {
                outcome.finish(.failure(error))
            }
        }
        let watch = Task {
            if let error = await monitor.watch(patience: context.patience, what) { outcome.finish(.failure(error)) }
        }
        defer { watch.cancel() }
        let result = await withTaskCancellationHandler {
            await outcome.value()
        } onCancel: {
            guard monitor.cancel() else { return }
            outcome.finish(.failure(StorageError(.cancelled, "Cancelled while waiting for \(what)")))
        }
        // Where the result didn't come from the thread, it may still be in a call; the next one ends it.
        _ = monitor.cancel()
        do {
            return try result.get()
        } catch {
            let done = monitor.state.withLock { $0.done }
            throw isUpload && done > 0 ? error.saying(safe: done) : error
        }
    }

    /// Makes one call to the storage, with all of the context's patience, unless the transfer was cancelled.
    ///
    /// What changes a volume must be in here. What only looks needn't: it is given up as well, with what was done before it.
    func asking<Value>(_ call: () throws(StorageError) -> Value) throws(StorageError) -> Value {
        try enter { $0.waiting = .now }
        defer { state.withLock { $0.waiting = .now } }
        return try call()
    }

    /// Makes a call that takes a change back, also after the transfer was cancelled.
    ///
    /// - Throws: `cancelled` where nobody waits for it any more: another may change the volume by now.
    func undoing<Value>(_ call: () throws(StorageError) -> Value) throws(StorageError) -> Value {
        try enter(evenCancelled: true) { $0.waiting = .now }
        defer { state.withLock { $0.waiting = .now } }
        return try call()
    }

    /// Makes one call to the caller's file or pipe, which may take for ever.
    func streaming<Value>(_ call: () throws(StorageError) -> Value) throws(StorageError) -> Value {
        try enter {
            $0.isStreaming = true
            $0.waiting = nil
        }
        defer {
            state.withLock {
                $0.isStreaming = false
                $0.waiting = .now
            }
        }
        return try call()
    }

    func report(_ done: UInt64, of total: UInt64?) {
        // A terminal may be held.
        state.withLock {
            $0.done = done
            $0.waiting = nil
        }
        defer { state.withLock { $0.waiting = .now } }
        progress.report(done: ByteCount(done), total: total.map { ByteCount($0) })
    }

    private func enter(evenCancelled: Bool = false, _ change: (inout State) -> Void) throws(StorageError) {
        let isOver = state.withLock { state in
            let isOver = state.isAbandoned || state.isCancelled && !evenCancelled
            if !isOver { change(&state) }
            return isOver
        }
        if isOver { throw StorageError(.cancelled, "The transfer was cancelled") }
    }

    /// - Returns: whether the thread is in a call that needn't be waited for.
    private func cancel() -> Bool {
        state.withLock { state in
            state.isCancelled = true
            if state.isStreaming { state.isAbandoned = true }
            return state.isStreaming
        }
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
            if let since, abandon(inCallSince: since) {
                return StorageError(
                    .timedOut, "Waited in vain for \(what): one read or write didn't end within \(patience)")
            }
        }
    }

    /// - Returns: whether the thread is still in that call, after which it makes no other.
    private func abandon(inCallSince since: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            guard state.waiting == since else { return false }
            state.isAbandoned = true
            return true
        }
    }
}
