/// What a volume held at some moment.
public struct VolumeSnapshot: Sendable, Hashable {
    public var name: String
    /// The storage's own number of it.
    public var id: UInt64
    /// The volume's at that moment.
    public var capacity: ByteCount
    /// Can't be deleted until that is taken back.
    public var isProtected: Bool
    /// Nil where the storage doesn't say.
    public var createdAt: Timestamp?
    /// The volumes that stand on it, by their paths; those in the trash say so.
    public var clones: [String]

    public init(
        name: String, id: UInt64, capacity: ByteCount, isProtected: Bool, createdAt: Timestamp? = nil,
        clones: [String] = []
    ) {
        self.name = name
        self.id = id
        self.capacity = capacity
        self.isProtected = isProtected
        self.createdAt = createdAt
        self.clones = clones
    }
}
