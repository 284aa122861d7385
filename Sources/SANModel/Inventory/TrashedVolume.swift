/// A volume that waits to be deleted, and can be had back until then.
public struct TrashedVolume: Sendable, Hashable {
    /// The storage's own; names may be there twice.
    public var id: String
    /// What it was called.
    public var name: String
    /// Nil where the storage doesn't say.
    public var capacity: ByteCount?
    public var snapshots: Int?
    public var deletedAt: Timestamp?
    /// It isn't purged before.
    public var keptUntil: Timestamp?
    /// Who put it there: `user`, `mirroring`, `migration`, `removing`.
    public var source: String?

    public init(id: String, name: String) {
        self.id = id
        self.name = name
    }
}
