public import SANModel

/// A pool as it is now: its definition, its state, and what the last refresh saw.
public struct PoolStatus: Sendable, Hashable {
    /// The definition that is in effect: of the running pool, else the stored one; nil for a broken definition.
    public var definition: PoolDefinition?
    public var name: String
    public var state: PoolState
    public var isPersistent: Bool
    public var isAutostarted: Bool
    public var capacity: ByteCount?
    public var allocation: ByteCount?
    public var available: ByteCount?
    public var volumeCount: Int?
    /// How many volumes wait in its trash; nil where it has none.
    public var trashCount: Int?
    /// A definition that doesn't parse is a problem here, with line and column in its message.
    public var problems: [Problem]
    public var refreshedAt: Timestamp?
}

/// Which pools to list.
public struct PoolFilter: Sendable, Hashable {
    public var isActive: Bool?
    public var isPersistent: Bool?
    public var isAutostarted: Bool?
    public var types: Set<PoolType>?

    public init(
        isActive: Bool? = nil, isPersistent: Bool? = nil, isAutostarted: Bool? = nil, types: Set<PoolType>? = nil
    ) {
        self.isActive = isActive
        self.isPersistent = isPersistent
        self.isAutostarted = isAutostarted
        self.types = types
    }
}
