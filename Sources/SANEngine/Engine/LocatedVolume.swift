public import SANModel

/// A volume together with the pool that it is in.
public struct LocatedVolume: Sendable, Hashable {
    public var pool: String
    public var poolType: PoolType
    public var volume: Volume
}

/// Names a volume: by name, key or path; in one pool, or in all of them.
public struct VolumeReference: Sendable, Hashable {
    public var text: String
    /// A pool's name or UUID.
    public var pool: String?

    public init(_ text: String, pool: String? = nil) {
        self.text = text
        self.pool = pool
    }
}
