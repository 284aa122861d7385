/// Which image of a Ceph cluster it is, whatever its name is (L12): names come again in other pools, namespaces and clusters, and after a
/// deletion.
public struct ImageIdentity: Sendable, Hashable {
    /// The cluster's fsid, a UUID.
    public var cluster: String
    /// The pool's number, which a renamed pool keeps.
    public var pool: Int64
    /// Empty for the pool's default namespace.
    public var namespace: String
    /// Ceph's id of the image; empty for an image of format 1, which has none.
    public var id: String

    public init(cluster: String, pool: Int64, namespace: String, id: String) {
        self.cluster = cluster
        self.pool = pool
        self.namespace = namespace
        self.id = id
    }
}
