public import SANEngine
public import SANHost
public import SANModel

/// `gluster` pools: the files of a folder of a Gluster volume, through libgfapi; nothing is mounted, and no root is needed.
///
/// Nothing of a pool stays on the host: it is active when it is asked to be. Each process connects when it first needs a volume.
public struct GlusterBackend: StorageBackend, SourceDiscovery {
    public static let type = PoolType.gluster

    private let commands: any CommandRunner
    private let connections: GlusterConnections
    private let host: HostRoot

    public init(host: HostRoot, commands: any CommandRunner) {
        self.host = host
        self.commands = commands
        connections = GlusterConnections(host: host)
    }

    public func availability() async -> Availability {
        await withCheckedContinuation { continuation in
            // The loader reads files.
            OneShotThread.start(name: "san-gluster") { continuation.resume(returning: GlusterLibrary.availability()) }
        }
    }

    public func validate(_ definition: PoolDefinition) throws(StorageError) {
        _ = try GlusterSource(definition)
    }

    /// The pool, always: the host doesn't know of it, so the engine's own record counts.
    public func adopt(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> GlusterPool? {
        try pool(definition)
    }

    /// Nothing is done here: the refresh that follows connects.
    public func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<GlusterPool> {
        .changed(try pool(definition))
    }

    private func pool(_ definition: PoolDefinition) throws(StorageError) -> GlusterPool {
        GlusterPool(
            source: try GlusterSource(definition), connections: connections, host: host, commands: commands)
    }

    /// The volumes that a host's trusted pool has, started or not; without the host's own volumes of Gluster's features.
    ///
    /// Equivalent to: `gluster --remote-host=HOST volume info`
    ///
    /// - Throws: `invalid_argument` without a host, `not_found` where there is no volume, `unavailable` where the host doesn't answer or the
    ///   program `gluster` is missing, `timed_out`.
    public func discoverSources(
        _ query: PoolSource, in context: OperationContext
    ) async throws(StorageError) -> [PoolSource] {
        guard query.hosts.count == 1, let given = query.hosts.first else {
            throw StorageError(.invalidArgument, "A discovery of Gluster volumes needs one host: give --host")
        }
        let server = try GlusterServer(given)
        let names = try await VolumeList(commands: commands).volumes(of: server, until: context.deadline)
        guard !names.isEmpty else {
            throw StorageError(
                .notFound, "No storage pools were found on host '\(server.host.printable)'",
                subject: .host(server.host.printable))
        }
        return names.map { name in
            var source = PoolSource()
            source.hosts = [PoolSource.Host(name: server.host, port: server.port)]
            source.name = name
            source.directory = "/"
            return source
        }
    }
}
