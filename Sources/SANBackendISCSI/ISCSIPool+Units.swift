import SANEngine
import SANHost
import SANModel

// The LUNs of the pool's sessions: found by scans of our own, as sessions are made without one (L15).
extension ISCSIPool {
    /// What tells that a LUN has come: its unit, its disk, its map.
    static let subsystems: Set<String> = ["scsi", "block"]

    /// Scans every session for LUNs, all at once, and waits for the disks of those that are new.
    ///
    /// - Returns: what went wrong; what is there can be listed all the same.
    func findUnits(of sessions: [ISCSISession], in context: OperationContext) async throws(StorageError)
        -> [StorageError]
    {
        let known = Set(try await units(of: sessions, until: context.deadline).map(\.hctl))
        // What remains is for reading what is there.
        let limit = min(context.deadline.part(3, of: 4), .after(backend.pace.scan))
        var problems: [StorageError] = []
        let outcomes = await withTaskGroup(of: StorageError?.self) { group in
            for session in sessions where session.isLoggedIn {
                group.addTask { await self.scan(session, coordinator: context.coordinator, until: limit) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        problems += outcomes.compactMap(\.self)
        if Task.isCancelled { throw StorageError(.cancelled, "Cancelled while the LUNs were looked for") }
        let now = Set(try await units(of: sessions, until: context.deadline).map(\.hctl))
        guard !now.isSubset(of: known) else { return problems }
        try await awaitDisks(of: sessions, until: min(limit, .after(backend.pace.disks)))
        return problems
    }

    /// Asks a session's target for its LUNs: `echo "0 0 -" > /sys/class/scsi_host/hostN/scan`.
    ///
    /// Only the one target of this session is asked, so nothing that somebody else removes can come back (L14).
    private func scan(
        _ session: ISCSISession, coordinator: HostCoordinator, until deadline: Deadline
    ) async -> StorageError? {
        let host = host
        do throws(StorageError) {
            let lock = try await coordinator.hold(.scsiHost(session.hostNumber), for: "scan", until: deadline)
            try await withBlockingThread(
                named: "san-scan", until: deadline,
                waitingFor: "the LUNs through \(session.portal?.description ?? session.folder.name)"
            ) { () throws(StorageError) in
                defer { lock.release() }
                try SCSIHost(number: session.hostNumber, on: host)?.scan(channel: 0, target: session.targetNumber)
            }
            return nil
        } catch {
            return error.about(.host, "scsi_host\(session.hostNumber)")
        }
    }

    /// Waits until every LUN has its disk, udev has named it, and its map is there where multipathd has taken it.
    ///
    /// A LUN that lacks something at the end is listed with that problem.
    private func awaitDisks(of sessions: [ISCSISession], until deadline: Deadline) async throws(StorageError) {
        let (host, identifiers) = (host, Set(sessions.map(\.identifier)))
        let target = source.target
        do throws(StorageError) {
            try await backend.events.wait(
                for: "the disks of \(target.printable)", in: Self.subsystems, until: deadline
            ) { () throws(StorageError) -> Void? in
                for session in try ISCSISession.all(target: target, on: host)
                where identifiers.contains(session.identifier) {
                    for unit in try session.units() where try !unit.isReady() { return nil }
                }
                return ()
            }
        } catch {
            guard error.code == .timedOut || error.code == .unavailable else { throw error }
        }
    }

    func units(of sessions: [ISCSISession], until deadline: Deadline) async throws(StorageError) -> [SCSIUnit] {
        try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "the LUNs of \(source.target.printable)"
        ) { () throws(StorageError) in
            var units: [SCSIUnit] = []
            for session in sessions { units += try session.units() }
            return units
        }
    }
}

extension SCSIUnit {
    /// Whether nothing more will come of it: a disk has its device, udev's links, and its map where multipathd says that it is a path.
    func isReady() throws(StorageError) -> Bool {
        guard deviceType == .disk else { return true }
        guard let block, let udev, udev.isInitialized else { return false }
        guard udev[property: "DM_MULTIPATH_DEVICE_PATH"] == "1" else { return true }
        return try block.multipathMap() != nil
    }
}

extension ISCSISession {
    /// The target's number on its SCSI host: 0 with software iSCSI.
    var targetNumber: UInt32? {
        get throws(StorageError) {
            try folder.names().lazy.compactMap { name in
                let parts = name.split(separator: ":")
                return name.hasPrefix("target") && parts.count == 3
                    ? UInt64(decimal: parts[2]).flatMap(UInt32.init(exactly:)) : nil
            }.first ?? 0
        }
    }
}
