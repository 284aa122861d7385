public import SANEngine
import SANHost
public import SANModel

// The pool's sessions: made at its start, taken away at its stop.
extension ISCSIPool {
    /// Logs in to what the target offers; sessions that are there already are used as they are.
    ///
    /// - Returns: whether there is a new session.
    func logIn(in context: OperationContext) async throws(StorageError) -> Bool {
        let credentials = try await CHAPResolution.credentials(
            for: source.authentication, target: source.target, from: context.secrets)
        try credentials?.requireRecordable(source.authentication?.secret)
        let records = try await backend.openISCSI.records(until: context.deadline)
        let lock = try await context.coordinator.hold(.target(source.target), for: "start", until: context.deadline)
        defer { lock.release() }
        let existing = try await sessions(until: context.deadline)
        do throws(StorageError) {
            try records.writeInterface(interface, initiator: source.initiator)
            // What remains is for finding the LUNs.
            let outcome = try await SessionLogin(
                openISCSI: backend.openISCSI, records: records, source: source, interface: interface,
                credentials: credentials, coordinator: context.coordinator, pace: backend.pace, existing: existing,
                connections: backend.connections
            ).run(until: context.deadline.part(3, of: 4))
            guard !outcome.loggedIn.isEmpty || !existing.isEmpty else { throw failure(outcome) }
            for error in outcome.failures { context.logger.notice("\(error.message)") }
            return !outcome.loggedIn.isEmpty
        } catch {
            throw await takeBack(records, hadSessions: !existing.isEmpty, after: error, in: context)
        }
    }

    /// The most telling of the failures, with the others as its causes.
    private func failure(_ outcome: SessionLogin.Outcome) -> StorageError {
        let order: [StorageError.Code] = [
            .authenticationFailed, .permissionDenied, .hostFailure, .backendFailure, .unavailable, .timedOut, .notFound,
        ]
        let sorted = outcome.failures.enumerated().sorted { left, right in
            let ranks = [left, right].map { order.firstIndex(of: $0.element.code) ?? order.count }
            return (ranks[0], left.offset) < (ranks[1], right.offset)
        }.map(\.element)
        guard let first = sorted.first else {
            return StorageError(
                .notFound, "No portal offers the target \(source.target.printable)",
                subject: .target(source.target.printable))
        }
        return sorted.dropFirst().reduce(first) { $0.adding(cause: $1) }
    }

    /// Undoes a start that failed: logs out of what came up, and removes the records; whatever becomes of the caller.
    private func takeBack(
        _ records: RecordFolder, hadSessions: Bool, after original: StorageError, in context: OperationContext
    ) async -> StorageError {
        await Task {
            do throws(StorageError) {
                let deadline = Deadline.after(context.patience)
                let ours = try await self.sessions(until: deadline).filter { $0.interface == self.interface }
                if !ours.isEmpty {
                    try await self.backend.openISCSI.logOut(
                        self.source.target, interface: self.interface, until: deadline)
                }
                try self.forget(records)
                return original
            } catch {
                return original.adding(cause: error)
            }
        }.value
    }

    private func forget(_ records: RecordFolder) throws(StorageError) {
        try records.removeNodes(of: source.target, interface: interface)
        _ = try records.removeInterface(interface)
    }

    /// Asks for the sessions of portals that have none, and doesn't wait for them.
    ///
    /// - Returns: a problem for each of these portals.
    func logInAgain(
        _ sessions: [ISCSISession], in context: OperationContext
    ) async throws(StorageError) -> [StorageError] {
        var problems: [StorageError] = []
        for session in sessions where !session.isLoggedIn {
            problems.append(
                StorageError(
                    .unavailable,
                    "The session to \(session.portal?.description ?? "an unknown portal") is \((session.state ?? "gone").lowercased()); "
                        + "iscsid tries to restore it"))
        }
        guard backend.openISCSI.commands.locate(.iscsiadm) != nil else { return problems }
        let records = try await backend.openISCSI.records(until: context.deadline)
        for portal in try records.portals(of: source.target, interface: interface)
        where !sessions.contains(where: { $0.uses(portal.portal) }) {
            var problem = StorageError(.unavailable, "There is no session to the portal \(portal); it is tried again")
            do throws(StorageError) {
                try records.noteLogin(source.target, portal, interface: interface)
                try await backend.openISCSI.requestLogin(
                    source.target, portal, interface: interface, until: context.deadline.part(1, of: 4))
            } catch {
                if error.code == .cancelled { throw error }
                problem = problem.adding(cause: error)
            }
            problems.append(problem)
        }
        return problems
    }

    /// Logs out of the pool's own sessions, and removes its records and its interface; sessions that others made stay.
    ///
    /// Nothing is taken away while anybody uses a disk of these sessions. Maps that stand on them alone go first (L34).
    ///
    /// - Throws: `busy` naming who uses which LUN; `timed_out`, `unavailable`, `backend_failure`, `host_failure`.
    public func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        let lock = try await context.coordinator.hold(.target(source.target), for: "stop", until: context.deadline)
        defer { lock.release() }
        let records = try await backend.openISCSI.records(until: context.deadline)
        let listed = try await ownSessions(until: context.deadline)
        for wwid in try await requireUnused(listed, until: context.deadline) {
            _ = try await MultipathMaps(host: host, mapper: host.deviceMapper, events: backend.events)
                .remove(wwid: wwid, until: context.deadline)
        }
        try await awaitPendingLogins(records, until: context.deadline)
        // One that came up meanwhile has no disks: nobody has scanned it.
        let ours = try await ownSessions(until: context.deadline)
        if !ours.isEmpty {
            try await backend.openISCSI.logOut(source.target, interface: interface, until: context.deadline)
            try await awaitEnd(of: ours, until: context.deadline)
        }
        let count = try records.removeNodes(of: source.target, interface: interface)
        let hadInterface = try records.removeInterface(interface)
        return ours.isEmpty && count == 0 && !hadInterface ? .unchanged(()) : .changed(())
    }

    /// The pool's own sessions, and the records that go with them.
    public func remains(in context: OperationContext) async throws(StorageError) -> String? {
        let count = try await ownSessions(until: context.deadline).count
        let records = try await backend.openISCSI.records(until: context.deadline)
        let hasRecords = try !records.portals(of: source.target, interface: interface).isEmpty
        guard count > 0 || hasRecords else { return nil }
        let what = count == 0 ? "The node records" : count == 1 ? "A session" : "\(count) sessions"
        let node = "iscsiadm --mode node --targetname \(source.target.printable) --interface \(interface)"
        var steps = ["'\(node) --op delete'", "'iscsiadm --mode iface --interface \(interface) --op delete'"]
        if count > 0 { steps.insert("'\(node) --logout'", at: 0) }
        return "\(what) of the interface \(interface) to \(source.target.printable) \(count == 1 ? "stays" : "stay"). "
            + "To end that once nobody uses the LUNs: \(steps.joined(separator: ", then "))"
    }

    private func ownSessions(until deadline: Deadline) async throws(StorageError) -> [ISCSISession] {
        try await sessions(until: deadline).filter { $0.interface == interface }
    }

    /// Waits for logins that iscsid may still be at: nothing calls them off, and a session that came up behind the stop would stay.
    ///
    /// iscsid gives up on a portal that doesn't answer after ``OpenISCSI/loginSeconds``.
    private func awaitPendingLogins(_ records: RecordFolder, until deadline: Deadline) async throws(StorageError) {
        let present = try await ownSessions(until: deadline)
        var left = Duration.zero
        for portal in try records.portals(of: source.target, interface: interface)
        where !present.contains(where: { $0.uses(portal.portal) }) {
            guard let age = try records.timeSinceLogin(source.target, portal, interface: interface) else { continue }
            left = max(left, backend.pace.pendingLogin - age)
        }
        guard left > .zero else { return }
        let (host, target, interface, count) = (host, source.target, interface, present.count)
        do throws(StorageError) {
            try await backend.events.wait(
                for: "logins that are under way", in: ["iscsi_session", "scsi"], until: min(deadline, .after(left))
            ) { () throws(StorageError) -> Void? in
                let now = try ISCSISession.all(target: target, on: host).filter { $0.interface == interface }
                return now.count > count ? () : nil
            }
        } catch {
            guard error.code == .timedOut else { throw error }
        }
    }

    /// - Returns: the WWIDs of the multipath maps that stand on these sessions' disks only.
    /// - Throws: `busy`.
    private func requireUnused(
        _ sessions: [ISCSISession], until deadline: Deadline
    ) async throws(StorageError) -> [String] {
        try await withBlockingThread(
            named: "san-users", until: deadline, waitingFor: "who uses the LUNs of \(source.target.printable)"
        ) { () throws(StorageError) in
            var disks: [(unit: HCTL, device: BlockDevice)] = []
            for session in sessions {
                for unit in try session.units() {
                    if let block = unit.block { disks.append((unit.hctl, block)) }
                }
            }
            let ours = Set(disks.map(\.device.name))
            var maps: Set<String> = []
            // A map with the first of its paths.
            var used: [(unit: HCTL, device: BlockDevice)] = []
            for (unit, device) in disks {
                guard let map = try device.multipathMap(), let wwid = map.multipathWWID,
                    let mapped = try BlockDevice.named(map.device, on: device.folder.host)
                else {
                    used.append((unit, device))
                    continue
                }
                // A map that has other paths too lives on without ours. Of one that goes, what counts is who uses the map.
                guard try ours.isSuperset(of: mapped.slaves()) else { continue }
                if maps.insert(wwid).inserted { used.append((unit, mapped)) }
            }
            // Whom a first look finds may be there for a moment only.
            let suspects = try DeviceUsers.of(used.map(\.device))
            var refusals: [StorageError] = []
            for (unit, device) in used where suspects[device.name] != nil {
                let uses = try DeviceUsers.lasting(of: device, until: deadline)
                guard !uses.isEmpty else { continue }
                refusals.append(
                    DeviceUse.refusal(of: device.name, called: "\(unit.unitName) (\(device.name))", uses))
            }
            guard let first = refusals.first else { return maps.sorted() }
            throw StorageError(
                .busy, "LUNs of the target are in use: \(first.message)", subject: first.subject,
                causes: Array(refusals.dropFirst()))
        }
    }

    private func awaitEnd(of sessions: [ISCSISession], until deadline: Deadline) async throws(StorageError) {
        let (host, gone) = (host, Set(sessions.map(\.identifier)))
        let target = source.target
        try await backend.events.wait(
            for: "the sessions to \(target.printable) to end", in: ["block", "scsi", "iscsi_session"], until: deadline
        ) { () throws(StorageError) -> Void? in
            try ISCSISession.all(target: target, on: host).contains { gone.contains($0.identifier) } ? nil : ()
        }
    }
}
