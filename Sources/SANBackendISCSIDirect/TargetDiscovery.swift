import SANEngine
import SANModel

/// Turns what SendTargets found into sources.
enum TargetDiscovery {
    /// - Throws: `not_found`, `unavailable`, `timed_out`, `authentication_failed`, `permission_denied`, `backend_failure`.
    static func sources(
        host: PoolSource.Host, initiator: IQN, credentials: CHAPCredentials?, until deadline: Deadline
    ) async throws(StorageError) -> [PoolSource] {
        let portal = try Portal(iscsi: host)
        let endpoint = ISCSIEndpoint(
            portal: portal, target: nil, initiator: initiator.description, credentials: credentials)
        let targets = try await ISCSISession.with(endpoint, until: deadline) { connection throws(StorageError) in
            try connection.discover(until: deadline)
        }
        let asked = Set(try await NameResolution.addresses(of: portal, until: deadline))
        return targets.compactMap {
            source(of: $0, asked: host, portal: portal, addresses: asked, initiator: initiator)
        }
    }

    /// The source of one target; nil for a name that is no IQN: a hostile one, or one that no pool can have.
    ///
    /// - Parameter addresses: the literal addresses of the portal that was asked.
    static func source(
        of target: DiscoveredTarget, asked host: PoolSource.Host, portal: Portal, addresses: Set<String>, initiator: IQN
    ) -> PoolSource? {
        guard IQN.isQualifiedName(target.name) else { return nil }
        let portals = target.addresses.compactMap { parse($0) }
        let isThere = portals.isEmpty || portals.contains { $0 == portal || addresses.contains($0.description) }
        var source = PoolSource()
        source.hosts = [
            isThere ? host : portals.first.map { PoolSource.Host(name: $0.host, port: $0.port) } ?? host
        ]
        source.devices = [PoolSource.Device(path: target.name)]
        source.initiator = initiator.description
        return source
    }

    /// `10.0.0.1:3260,1`: the portal before the portal group's tag, which some targets send as a negative number (L64).
    static func parse(_ address: String) -> Portal? {
        let text = String(address.prefix { $0 != "," })
        return try? Portal(parsing: text, defaultPort: Portal.iscsiPort)  // what can't be used is none
    }
}
