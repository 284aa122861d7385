import SANModel

/// What an `rbd` pool's document says of its source, checked.
struct RBDSource: Sendable, Hashable {
    /// As `mon_host` takes them: `10.0.0.1`, `10.0.0.1:6789`, `[fd00::1]:3300`.
    ///
    /// librados tries both versions of the messenger where the port
    /// doesn't tell.
    var monitors: [String]
    /// The Ceph pool.
    var pool: String
    /// Empty for the pool's default namespace.
    var namespace: String
    /// Nil without cephx.
    var authentication: PoolSource.Authentication?
    /// `<rbd:option>`, in order.
    var options: [PoolDefinition.ConfigOption]

    /// - Throws: `invalid_argument` for anything but a pool's name, monitors, and authentication of type ceph.
    init(_ definition: PoolDefinition) throws(StorageError) {
        try self.init(discovering: definition.source)
        let source = definition.source
        let parts = (source.name ?? "").split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && !$0.utf8.contains(0) }) else {
            throw StorageError(
                .invalidArgument,
                "An rbd pool needs <name>POOL</name> or <name>POOL/NAMESPACE</name>, not '\((source.name ?? "").printable)'"
            )
        }
        pool = parts[0]
        namespace = parts.count == 2 ? parts[1] : ""
        options = definition.configOptions
        if let bad = options.first(where: { $0.name.utf8.contains(0) || $0.value.utf8.contains(0) }) {
            throw StorageError(.invalidArgument, "The rbd option '\(bad.name.printable)' has a NUL in it")
        }
    }

    /// Where a cluster is, and who asks it; without a pool.
    ///
    /// - Throws: `invalid_argument` for anything but monitors, and authentication of type ceph.
    init(discovering source: PoolSource) throws(StorageError) {
        guard !source.hosts.isEmpty else {
            throw StorageError(.invalidArgument, "An rbd pool needs a <host>, a monitor of the cluster")
        }
        if let kind = source.authentication?.kind, kind != .ceph {
            throw StorageError(
                .invalidArgument, "An rbd pool authenticates with type 'ceph' only, not with '\(kind.rawValue)'")
        }
        if let user = source.authentication?.username, user.isEmpty || user.utf8.contains(0) {
            throw StorageError(.invalidArgument, "An rbd pool needs the name of a Ceph user, without 'client.'")
        }
        monitors = try source.hosts.map { host throws(StorageError) in try RBDSource.monitor(host) }
        (pool, namespace) = ("", "")
        authentication = source.authentication
        options = []
    }

    /// A monitor's address.
    ///
    /// An IPv6 one gets brackets, with a port and without: librados takes no other (libvirt leaves them out without).
    static func monitor(_ host: PoolSource.Host) throws(StorageError) -> String {
        let endpoint = try host.endpoint()
        if endpoint.port == 0 { return endpoint.isIPv6 ? "[\(endpoint.host)]" : endpoint.host }
        return endpoint.description
    }

    /// Each address at which a monitor may be, by each version of the messenger.
    var addresses: [String] {
        monitors.flatMap { monitor -> [String] in
            let hasPort = monitor.hasPrefix("[") ? !monitor.hasSuffix("]") : monitor.contains(":")
            return hasPort ? ["v2:\(monitor)", "v1:\(monitor)"] : ["v2:\(monitor):3300", "v1:\(monitor):6789"]
        }
    }

    /// As libvirt names a volume: `POOL/IMAGE`, with a namespace `POOL/NAMESPACE/IMAGE`.
    func path(of image: String) -> String {
        namespace.isEmpty ? "\(pool)/\(image)" : "\(pool)/\(namespace)/\(image)"
    }

    /// Where `rbd` finds an image by its id, for messages: `--pool POOL --namespace NAMESPACE --image-id ID`.
    func options(for id: String) -> String {
        let place = namespace.isEmpty ? "--pool \(pool)" : "--pool \(pool) --namespace \(namespace)"
        return "\(place) --image-id \(id)".printable
    }

    /// `POOL` or `POOL/NAMESPACE`, for messages.
    var place: String { (namespace.isEmpty ? pool : "\(pool)/\(namespace)").printable }
}
