public import SANBlockVolumes
public import SANEngine
import SANHost
public import SANModel

/// An `iscsi` pool that this host has active.
public struct ISCSIPool: VolumeInspection, BlockVolumePool {
    let name: String
    let source: ISCSISource
    /// open-iscsi's name of the interface that the pool's own sessions go through: what has it is ours to take away.
    let interface: String
    public let volumes: BlockVolumes
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
        let problems = try await lookAgain(sessions, in: context)
        let listed = try await list(removingGone: true, in: context)
        let capacity = listed.reduce(ByteCount(0)) { sum, volume in
            sum.adding(volume.definition.capacity ?? 0) ?? ByteCount(.max)
        }
        return PoolSnapshot(
            capacity: capacity, allocation: capacity, available: 0, volumes: listed,
            problems: problems.map { Problem($0.about(.target, source.target.printable)) })
    }

    /// Reads one LUN again, on all of its paths.
    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        let found = try await list(named: volume.name, removingGone: false, in: context).first
        guard let found else {
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

    /// Logs in again where a session is missing, and scans those that are there, both at once.
    private func lookAgain(
        _ sessions: [ISCSISession], in context: OperationContext
    ) async throws(StorageError) -> [StorageError] {
        let results = await withTaskGroup(of: Result<[StorageError], StorageError>.self) { group in
            group.addTask {
                do throws(StorageError) {
                    return .success(try await logInAgain(sessions, in: context))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                do throws(StorageError) {
                    return .success(try await findUnits(of: sessions, in: context))
                } catch {
                    return .failure(error)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var problems: [StorageError] = []
        for result in results { problems += try result.get() }
        return problems
    }

    /// The pool's volumes, each with what its units say of themselves now.
    ///
    /// - Parameters:
    ///   - name: of the one that is wanted; nil for all.
    ///   - removingGone: whether the kernel's devices of LUNs that the target has no more are to be deleted, where nobody uses them.
    private func list(
        named name: String? = nil, removingGone: Bool, in context: OperationContext
    ) async throws(StorageError) -> [Volume] {
        let deadline = context.deadline
        let sessions = try await sessions(until: deadline)
        var paths = try await paths(of: sessions, until: deadline)
        // Another LUN of the same number, through another portal, has the portal's name behind its own.
        if let name {
            paths = paths.filter { name == $0.unit.hctl.unitName || name.hasPrefix($0.unit.hctl.unitName + ":") }
        }
        let (host, own) = (host, Set(paths.map(\.unit.hctl)))
        let others = try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "the units of this host"
        ) { () throws(StorageError) in try SCSIUnit.all(besides: own, on: host) }
        var findings = try await volumes.findings(of: paths.map(\.unit), among: others, until: deadline)
        if removingGone, !findings.gone.isEmpty {
            let kept = try await removeGone(paths.filter { findings.gone.contains($0.unit.hctl) }, in: context)
            paths.removeAll { findings.gone.contains($0.unit.hctl) && kept[$0.unit.hctl] == nil }
            for (hctl, reason) in kept {
                findings.problems[hctl, default: []].append(reason)
            }
        }
        let (volumes, problems, found) = (volumes, findings.problems, paths)
        let listed = try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "the LUNs of \(source.target.printable)"
        ) { () throws(StorageError) in try UnitPath.volumes(of: found, problems, with: volumes) }
        return name.map { name in listed.filter { $0.name == name } } ?? listed
    }

    private func paths(
        of sessions: [ISCSISession], until deadline: Deadline
    ) async throws(StorageError) -> [UnitPath] {
        try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "the LUNs of \(source.target.printable)"
        ) { () throws(StorageError) in
            var paths: [UnitPath] = []
            for session in sessions {
                for unit in try session.units() { paths.append(UnitPath(unit: unit, session: session)) }
            }
            return paths
        }
    }

    /// Deletes the kernel's devices of LUNs that the target has taken away.
    ///
    /// - Returns: why some stay.
    private func removeGone(
        _ paths: [UnitPath], in context: OperationContext
    ) async throws(StorageError) -> [HCTL: StorageError] {
        var locks: [FileLock] = []
        defer { for lock in locks { lock.release() } }
        for number in Set(paths.map(\.session.hostNumber)).sorted() {
            locks.append(
                try await context.coordinator.hold(.scsiHost(number), for: "refresh", until: context.deadline))
        }
        return try await UnitRemoval(host: host, mapper: host.deviceMapper, events: backend.events)
            .remove(paths.map(\.unit), until: context.deadline)
    }
}
