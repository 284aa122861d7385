import SANBlockVolumes
public import SANEngine
import SANHost
public import SANModel

/// An `iscsi` pool that this host has active.
public struct ISCSIPool: VolumeInspection {
    let name: String
    let source: ISCSISource
    /// open-iscsi's name of the interface that the pool's own sessions go through: what has it is ours to take away.
    let interface: String
    let volumes: BlockVolumes
    let backend: ISCSIBackend

    var host: HostRoot { backend.host }

    /// Of the pool's UUID, so that nothing needs to be remembered to know it again.
    static func interface(of uuid: StorageUUID) -> String {
        "sanctl-" + uuid.description.filter { $0 != "-" }.prefix(16)
    }

    /// Looks for new LUNs through every session, and lists what is there; portals without a session are problems of the pool.
    ///
    /// A portal that has come back is logged in to again; that isn't waited for.
    public func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let sessions = try await sessions(until: context.deadline)
        guard !sessions.isEmpty else {
            throw StorageError(
                .invalidState, "There is no session to \(source.target.printable) any more: stop the pool and start it",
                subject: .target(source.target.printable))
        }
        var problems = try await logInAgain(sessions, in: context)
        problems += try await findUnits(of: sessions, in: context)
        let listed = try await list(until: context.deadline)
        let capacity = listed.reduce(ByteCount(0)) { sum, volume in
            sum.adding(volume.definition.capacity ?? 0) ?? ByteCount(.max)
        }
        return PoolSnapshot(
            capacity: capacity, allocation: capacity, available: 0, volumes: listed,
            problems: problems.map { Problem($0.about(.target, source.target.printable)) })
    }

    /// Reads one LUN again, on all of its paths.
    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        guard let found = try await list(until: context.deadline).first(where: { $0.name == volume.name }) else {
            throw StorageError(
                .notFound, "The target has no '\(volume.name.printable)' any more; refresh the pool",
                subject: .volume(volume.name.printable))
        }
        return found
    }

    /// The sessions to the pool's target, whoever made them; only those with the pool's initiator name where it has one.
    func sessions(until deadline: Deadline) async throws(StorageError) -> [ISCSISession] {
        let host = host
        let source = source
        return try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "the sessions of \(source.target.printable)"
        ) { () throws(StorageError) in
            try ISCSISession.all(target: source.target, on: host).filter { session in
                source.initiator == nil || session.initiator == source.initiator
            }
        }
    }

    /// Whether there is a session to the target, or something that a start left.
    func isThere(until deadline: Deadline) async throws(StorageError) -> Bool {
        if try await !sessions(until: deadline).isEmpty { return true }
        guard backend.openISCSI.commands.locate(.iscsiadm) != nil else { return false }
        let records = try await backend.openISCSI.records(until: deadline)
        return try !records.portals(of: source.target, interface: interface).isEmpty
    }

    private func list(until deadline: Deadline) async throws(StorageError) -> [Volume] {
        let sessions = try await sessions(until: deadline)
        let volumes = volumes
        return try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "the LUNs of \(source.target.printable)"
        ) { () throws(StorageError) in
            var paths: [UnitPath] = []
            for session in sessions {
                for unit in try session.units() { paths.append(UnitPath(unit: unit, session: session)) }
            }
            return try UnitPath.volumes(of: paths, with: volumes)
        }
    }
}
