import CCeph
import SANEngine
import SANHost
import SANModel
import Synchronization

/// A call of librbd that works through an image and tells how far it is.
final class LongCall: Sendable {
    private struct State {
        var moved = ContinuousClock.now
        var isStopped = false
    }

    private let state = Mutex(State())
    private let report: @Sendable (_ done: UInt64, _ total: UInt64) -> Void

    init(report: @escaping @Sendable (_ done: UInt64, _ total: UInt64) -> Void) {
        self.report = report
    }

    /// Asks it to end; librbd does so with its next object.
    func stop() {
        state.withLock { $0.isStopped = true }
    }

    /// When it has been still for as long as it may.
    func end(_ patience: Duration) -> Deadline {
        Deadline(state.withLock { $0.moved }.advanced(by: patience))
    }

    /// Lends what `librbd_progress_fn_t` is to be given with ``callback``.
    func withArgument(_ body: (UnsafeMutableRawPointer) -> Int32) -> Int32 {
        withExtendedLifetime(self) { unsafe body(Unmanaged.passUnretained(self).toOpaque()) }
    }

    static let callback: librbd_progress_fn_t = { done, total, argument in
        guard let argument = unsafe argument else { return 0 }
        return unsafe Unmanaged<LongCall>.fromOpaque(argument).takeUnretainedValue().advance(done, total)
    }

    /// - Returns: ECANCELED, negative, where it is to end.
    private func advance(_ done: UInt64, _ total: UInt64) -> Int32 {
        let isStopped = state.withLock { state in
            state.moved = .now
            return state.isStopped
        }
        report(done, total)
        return isStopped ? -125 : 0
    }
}

extension RBDPool {
    /// Lends the connection to a long call, on a thread of its own that is left behind when nothing has moved for as long as one wait may take.
    ///
    /// - Parameter capacity: of the image, which progress is counted in.
    func withLongCall<Value: Sendable>(
        in context: OperationContext, over capacity: UInt64, waitingFor what: String,
        _ body: @escaping @Sendable (ClusterConnection, LongCall) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let connection = try await connections.connection(to: source, in: context)
        let progress = context.progress
        let call = LongCall { done, total in
            let share = min(done, total).multipliedFullWidth(by: capacity)
            let bytes = total == 0 ? 0 : total.dividingFullWidth(share).quotient
            progress.report(done: ByteCount(bytes), total: ByteCount(capacity))
        }
        let outcome = FirstResult<Value>()
        OneShotThread.start(name: "san-rbd-long") {
            do throws(StorageError) {
                outcome.finish(.success(try body(connection, call)))
            } catch {
                outcome.finish(.failure(error))
            }
        }
        let patience = context.patience
        let watch = Task {
            while !call.end(patience).hasPassed {
                try await Task.sleep(until: call.end(patience).instant, clock: .continuous)
            }
            call.stop()
            outcome.finish(
                .failure(StorageError(.timedOut, "Waited in vain for \(what): nothing moved for \(patience)")))
        }
        defer { watch.cancel() }
        let result = await withTaskCancellationHandler {
            await outcome.value()
        } onCancel: {
            call.stop()
        }
        // As after any other call: the next operation connects anew.
        if case .failure(let error) = result, [.unavailable, .timedOut].contains(error.code) {
            connections.forget(source)
        }
        return try result.get()
    }
}
