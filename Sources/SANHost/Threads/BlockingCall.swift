public import SANModel

/// Runs a call that may block for long (`flock`, `open` of a device) on a thread of its own, and gives up on it at the deadline.
///
/// A call in the kernel or a C library can't be cancelled: when the caller gets `timed_out` or `cancelled`, the thread may still be in
/// it; `abandoned` then gets its result, to undo it.
///
/// - Parameters:
///   - name: the thread's name; 15 bytes are seen in `ps -L`.
///   - what: what is waited for, for the message of `timed_out`: "the lock of pool p".
///   - body: the call.
///   - abandoned: gets the value of a call that nobody waits for any more.
/// - Throws: what `body` throws, `timed_out`, `cancelled`.
public func withBlockingThread<Value: Sendable>(
    named name: String, until deadline: Deadline, waitingFor what: String,
    _ body: @escaping @Sendable () throws(StorageError) -> Value,
    abandoned: @escaping @Sendable (Value) -> Void = { _ in }
) async throws(StorageError) -> Value {
    try await withBlockingCall(
        until: deadline, waitingFor: what, startedBy: { OneShotThread.start(name: name, $0) }, body,
        abandoned: abandoned)
}

/// The same for a thread that is there already.
///
/// - Parameter start: has a closure run on that thread, now or later; it isn't called where the caller was cancelled before.
package func withBlockingCall<Value: Sendable>(
    until deadline: Deadline, waitingFor what: String, startedBy start: (@escaping @Sendable () -> Void) -> Void,
    _ body: @escaping @Sendable () throws(StorageError) -> Value,
    abandoned: @escaping @Sendable (Value) -> Void = { _ in }
) async throws(StorageError) -> Value {
    let call = FirstResult<Value>()
    let timer = Task {
        try await Task.sleep(until: deadline.instant, clock: .continuous)
        call.finish(.failure(StorageError(.timedOut, "Waited in vain for \(what)")))
    }
    defer { timer.cancel() }
    let result = await withTaskCancellationHandler {
        // Whoever is cancelled before it begins doesn't begin.
        if !call.isDecided {
            start {
                do throws(StorageError) {
                    let value = try body()
                    if !call.finish(.success(value)) { abandoned(value) }
                } catch {
                    call.finish(.failure(error))
                }
            }
        }
        return await call.value()
    } onCancel: {
        call.finish(.failure(StorageError(.cancelled, "Cancelled while waiting for \(what)")))
    }
    return try result.get()
}
