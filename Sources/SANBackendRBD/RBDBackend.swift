public import SANEngine
import SANHost
public import SANModel

/// The `rbd` pool: images of a Ceph pool, or of a namespace in one, through librados and librbd, which are loaded when they are needed.
///
/// One connection serves all operations on a pool in this process. Nothing is left on the host: no kernel device, no file.
public struct RBDBackend: StorageBackend, SourceDiscovery {
    public static let type = PoolType.rbd

    private let connections = ClusterConnections()

    public init() {}

    public func availability() async -> Availability {
        do throws(StorageError) {
            let version = try await withUninterruptedThread(named: "san-ceph-load") { () throws(StorageError) in
                try CephLibrary.require()
                return CephLibrary.version
            }
            return Availability(isAvailable: true, libraryVersion: version)
        } catch {
            return Availability(
                isAvailable: false, reason: error.message,
                package: error.subject.values[.tool] ?? CephLibrary.rbdPackage)
        }
    }

    public func validate(_ definition: PoolDefinition) throws(StorageError) {
        _ = try RBDSource(definition)
    }

    /// The pool: there is nothing on the host that could be active or not.
    public func adopt(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> RBDPool? {
        try pool(definition)
    }

    /// Connects, and finds the Ceph pool and its namespace.
    ///
    /// - Throws: `invalid_argument` for an option that librados refuses, `authentication_failed`, `not_found`, `timed_out`, `unavailable`,
    ///   `permission_denied`, `backend_failure`.
    public func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<RBDPool> {
        let pool = try pool(definition)
        // What an earlier definition connected to may be another cluster by now.
        connections.forget(pool.source)
        _ = try await connections.connection(to: pool.source, in: context)
        return .changed(pool)
    }

    /// One source for each Ceph pool whose application is `rbd`, and for each namespace in one.
    ///
    /// - Throws: `not_found` where there is none, `authentication_failed`, `timed_out`, `unavailable`, `permission_denied`, `backend_failure`.
    public func discoverSources(
        _ query: PoolSource, in context: OperationContext
    ) async throws(StorageError) -> [PoolSource] {
        let places = try await ClusterConnections.places(of: try RBDSource(discovering: query), in: context)
        guard !places.isEmpty else {
            throw StorageError(
                .notFound, "The cluster has no pool whose application is rbd: 'rbd pool init POOL' makes it so")
        }
        return places.map { place in
            var source = PoolSource()
            (source.hosts, source.authentication, source.name) = (query.hosts, query.authentication, place)
            return source
        }
    }

    private func pool(_ definition: PoolDefinition) throws(StorageError) -> RBDPool {
        RBDPool(
            source: try RBDSource(definition), connections: connections,
            showsUsage: definition.refresh?.allocation != .capacity)
    }
}
