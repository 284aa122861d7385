import SANEngine
import SANHost
import SANModel

// The LUNs of the pool's sessions: found by scans of our own, as sessions are made without one (L15).
extension ISCSIPool {
    /// Scans every session for LUNs, all at once, and waits for the disks of those that are new.
    ///
    /// - Returns: what went wrong; what is there can be listed all the same.
    func findUnits(of sessions: [ISCSISession], in context: OperationContext) async throws(StorageError)
        -> [StorageError]
    {
        let known = try await addresses(of: sessions, until: context.deadline)
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
        let new = try await addresses(of: sessions, until: context.deadline).subtracting(known)
        do throws(StorageError) {
            try await UnitArrival(host: host, events: backend.events, awaitsMaps: true).wait(
                for: new, named: "the disks of \(source.target.printable)", quiet: backend.pace.disks, until: limit)
        } catch {
            // A LUN that lacks something is listed with that problem.
            guard error.code == .timedOut || error.code == .unavailable else { throw error }
        }
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

    private func addresses(
        of sessions: [ISCSISession], until deadline: Deadline
    ) async throws(StorageError) -> Set<HCTL> {
        try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "the LUNs of \(source.target.printable)"
        ) { () throws(StorageError) in
            var addresses: Set<HCTL> = []
            for session in sessions { addresses.formUnion(try session.unitFolders().map(\.hctl)) }
            return addresses
        }
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
