import SANHost
import SANModel

/// How long an operation may go on after its deadline, to end in good order by itself, before it is left behind.
let deadlineGrace: Duration = .seconds(2)

/// How long an operation has to tell itself what it has waited for in vain, as its own waits end at the same deadline.
private let innerHeadStart: Duration = .milliseconds(100)

/// Runs a backend's operation and doesn't wait for it past the deadline, even where it never returns: a C call can't be cancelled.
///
/// The operation is cancelled at the deadline, and when the caller is cancelled; an operation that ends soon after is awaited.
///
/// - Parameters:
///   - what: for the message: "the refresh of pool 'p'".
///   - abandoned: gets the value of an operation that ended when nobody waited any more.
/// - Throws: what the operation throws, `timed_out`, `cancelled`.
func withDeadline<Value: Sendable>(
    _ deadline: Deadline, grace: Duration = deadlineGrace, waitingFor what: String,
    _ operation: @escaping @Sendable () async throws(StorageError) -> Value,
    abandoned: @escaping @Sendable (Value) async -> Void = { _ in }
) async throws(StorageError) -> Value {
    if Task.isCancelled { throw StorageError(.cancelled, "Cancelled before \(what)") }
    let race = FirstResult<Value>()
    let worker = Task {
        let result: Result<Value, StorageError>
        do throws(StorageError) {
            result = .success(try await operation())
        } catch {
            result = .failure(error)
        }
        if !race.finish(result), case .success(let value) = result { await abandoned(value) }
    }
    let timer = Task {
        try await Task.sleep(until: deadline.instant + innerHeadStart, clock: .continuous)
        worker.cancel()
        try await Task.sleep(for: grace)
        race.finish(.failure(StorageError(.timedOut, "Waited in vain for \(what)")))
    }
    defer { timer.cancel() }
    let result = await withTaskCancellationHandler {
        await race.value()
    } onCancel: {
        worker.cancel()
        Task {
            try await Task.sleep(for: grace)
            race.finish(.failure(StorageError(.cancelled, "Cancelled while waiting for \(what)")))
        }
    }
    switch result {
    case .success(let value): return value
    case .failure(let error) where Task.isCancelled && error.code != .cancelled:
        throw StorageError(.cancelled, "Cancelled while waiting for \(what)", causes: [error])
    case .failure(let error) where deadline.hasPassed && error.code == .cancelled:
        throw StorageError(.timedOut, "Waited in vain for \(what)", subject: error.subject, causes: [error])
    case .failure(let error): throw error
    }
}
