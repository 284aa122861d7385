import SANEngine
import SANHost
import SANModel

/// The connections of this process: one for each volume of each set of servers, made when it is first needed and kept until the process ends.
actor GlusterConnections {
    private struct Key: Hashable {
        var servers: [GlusterServer]
        var volume: String
    }

    private let host: HostRoot
    private var open: [Key: GlusterConnection] = [:]
    private var opening: [Key: Task<Result<GlusterConnection, StorageError>, Never>] = [:]

    init(host: HostRoot) {
        self.host = host
    }

    /// - Throws: `not_found` for an unknown volume, `unavailable` where no server answers, `timed_out`.
    func connection(to source: GlusterSource, until deadline: Deadline) async throws(StorageError) -> GlusterConnection
    {
        let key = Key(servers: source.servers, volume: source.volume)
        if let connection = open[key] { return connection }
        if let task = opening[key] { return try await task.value.get() }
        let log = try host.resolve("/dev/null").string  // without one the library makes a log file of its own
        let task = Task { () -> Result<GlusterConnection, StorageError> in
            do throws(StorageError) {
                return .success(try await GlusterConnections.connect(to: source, log: log, until: deadline))
            } catch {
                return .failure(error)
            }
        }
        opening[key] = task
        let result = await task.value
        opening[key] = nil
        if case .success(let connection) = result { open[key] = connection }
        return try result.get()
    }

    /// Tries one server after the other, each with its part of the time.
    private static func connect(
        to source: GlusterSource, log: String, until deadline: Deadline
    ) async throws(StorageError) -> GlusterConnection {
        var failures: [StorageError] = []
        for (index, server) in source.servers.enumerated() {
            let part = deadline.part(1, of: source.servers.count - index)
            do throws(StorageError) {
                let volume = try await withBlockingThread(
                    named: "san-gluster", until: part, waitingFor: "the Gluster server on \(server)"
                ) { () throws(StorageError) in
                    Poll.blockBrokenPipeSignal()
                    return try GlusterVolume(source.volume, on: server, log: log)
                }
                return GlusterConnection(volume)
            } catch {
                guard error.code == .unavailable || error.code == .timedOut else { throw error }
                failures.append(error)
            }
        }
        guard let first = failures.first, failures.count > 1 else {
            throw failures.first ?? StorageError(.invalidArgument, "The pool has no servers")
        }
        // One that may still answer says more than one that has refused.
        let code = failures.contains { $0.code == .timedOut } ? StorageError.Code.timedOut : first.code
        throw StorageError(
            code, "None of the \(failures.count) Gluster servers of volume '\(source.volume)' answers", causes: failures
        )
    }
}
