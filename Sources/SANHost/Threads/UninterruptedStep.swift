public import SANModel

/// Runs a short call that blocks (`fsync`, `rename`) on a thread of its own, to its end: it is neither cancelled nor left behind.
///
/// - Throws: what `body` throws.
public func withUninterruptedThread<Value: Sendable>(
    named name: String, _ body: @escaping @Sendable () throws(StorageError) -> Value
) async throws(StorageError) -> Value {
    let result: Result<Value, StorageError> = await withCheckedContinuation { continuation in
        OneShotThread.start(name: name) {
            do throws(StorageError) {
                continuation.resume(returning: .success(try body()))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
    }
    return try result.get()
}
