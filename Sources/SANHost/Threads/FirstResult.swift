public import SANModel
import Synchronization

/// A result that the first one to come decides: the work, its timer, or cancellation.
public final class FirstResult<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Result<Value, StorageError>, Never>)
        /// Nil once it was handed over.
        case decided(Result<Value, StorageError>?)
    }

    private let state = Mutex(State.open)

    public init() {}

    public var isDecided: Bool {
        state.withLock { state in
            if case .decided = state { true } else { false }
        }
    }

    /// Waits for it; to be called once.
    public func value() async -> Result<Value, StorageError> {
        await withCheckedContinuation { continuation in
            let decided: Result<Value, StorageError>? = state.withLock { state in
                if case .decided(let result?) = state {
                    state = .decided(nil)
                    return result
                }
                state = .awaited(continuation)
                return nil
            }
            if let decided { continuation.resume(returning: decided) }
        }
    }

    /// - Returns: whether this result is the one that counts.
    @discardableResult
    public func finish(_ result: Result<Value, StorageError>) -> Bool {
        let (counts, continuation): (Bool, CheckedContinuation<Result<Value, StorageError>, Never>?) = state.withLock {
            state in
            switch state {
            case .open:
                state = .decided(result)
                return (true, nil)
            case .awaited(let continuation):
                state = .decided(nil)
                return (true, continuation)
            case .decided:
                return (false, nil)
            }
        }
        continuation?.resume(returning: result)
        return counts
    }
}
