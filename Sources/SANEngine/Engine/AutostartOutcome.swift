public import SANModel

/// One pool's share of starting all that are marked.
public struct AutostartOutcome: Sendable {
    public var pool: String
    public var result: Result<Change<PoolStatus>, StorageError>
}
