public import SANHost
public import SANModel

// The HBAs of this machine.
extension StorageEngine {
    /// Every SCSI host by its number, with what can be told of it without asking a device.
    ///
    /// - Throws: `permission_denied`, `host_failure`, `timed_out`, `cancelled`.
    public func hosts() async throws(StorageError) -> [HBAStatus] {
        let host = configuration.host
        return try await withBlockingThread(
            named: "san-hosts", until: newDeadline(), waitingFor: "the SCSI hosts in sysfs"
        ) { () throws(StorageError) in
            let sessions = try ISCSISession.all(on: host)
            let counts = try SCSIUnit.counts(on: host)
            var result: [HBAStatus] = []
            for scsiHost in try SCSIHost.all(on: host) {
                result.append(try HBAStatus(scsiHost, sessions: sessions, addresses: counts))
            }
            return result
        }
    }

    /// The host of a name (`scsi_host3`, `host3`, `fc_host3`), PCI address, WWPN, or iSCSI target.
    ///
    /// - Throws: `not_found`, `invalid_argument` where several hosts fit.
    public func host(_ reference: String) async throws(StorageError) -> HBAStatus {
        let matches = try await hosts().filter { $0.answers(to: reference) }
        if let only = matches.first, matches.count == 1 { return only }
        guard matches.isEmpty else {
            let names = matches.map(\.name).joined(separator: ", ")
            throw StorageError(
                .invalidArgument, "'\(reference.printable)' may be any of \(names): name one of them",
                subject: .host(reference.printable))
        }
        throw StorageError(
            .notFound, "This machine has no SCSI host '\(reference.printable)'; 'sanctl host list' shows what there is",
            subject: .host(reference.printable))
    }

    /// A host with its logical units, and what its port sees.
    ///
    /// - Throws: as ``host(_:)``.
    public func hostWithUnits(_ reference: String) async throws(StorageError) -> (host: HBAStatus, units: [HBAUnit]) {
        try await inspect(try await host(reference))
    }

    /// Looks for new units behind one host, and tells what came and went.
    ///
    /// Equivalent to: `echo "- - -" > /sys/class/scsi_host/hostN/scan`, with a Fibre Channel host's targets one by one.
    ///
    /// Requires: root.
    ///
    /// - Parameters:
    ///   - patience: how long nothing may be heard of the new units whose disks, or udev's links to them, are missing.
    ///   - interview: asks the units that were there before whether they still are.
    /// - Throws: as ``host(_:)`` and ``HostScan/run(on:_:coordinator:until:)``.
    public func scanHost(
        _ reference: String, _ scope: HostScan.Scope = HostScan.Scope(),
        disks patience: Duration = .seconds(10), asking interview: any UnitInterviewing = UnitInterview()
    ) async throws(StorageError) -> HostScanOutcome {
        let hbas = try requiredHBAs()
        let deadline = newDeadline()
        let before = try await inspect(try await host(reference))
        let scsiHost = before.host.scsiHost
        try scope.requireTarget(of: before.host)
        // What remains is for the disks and for reading what is there.
        try await HostScan(control: hbas.control)
            .run(on: scsiHost, scope, coordinator: coordinator, until: deadline.part(3, of: 4))
        try await hbas.awaitDisks(
            of: scsiHost, besides: Set(before.units.map(\.unit.hctl)), for: patience,
            until: deadline.part(3, of: 4))
        let after = try await inspect(before.host)
        var outcome = HostScanOutcome(host: after.host, before: before.units, after: after.units)
        let known = Set(before.units.map(\.unit.hctl))
        outcome.stale = await Self.stale(
            after.units.map(\.unit).filter { known.contains($0.hctl) && scope.includes($0.hctl) }, interview, deadline)
        return outcome
    }

    /// Which units aren't there any more, by their own word: a scan adds devices and takes none away.
    private static func stale(
        _ units: [SCSIUnit], _ interview: any UnitInterviewing, _ deadline: Deadline
    ) async -> [Problem] {
        let asked = units.filter { $0.isRunning && $0.block != nil && $0.deviceType == .disk }
        let answers = await interview.ask(asked, patience: .seconds(5), until: deadline)
        return asked.compactMap { unit in
            // Without a node or the right to open it nothing is known to be wrong: that error is about a path.
            guard case .failure(let error)? = answers[unit.hctl], error.code == .notFound,
                error.subject.values[.path] == nil
            else { return nil }
            return Problem(
                code: .notFound,
                message:
                    "\(error.message); its device \(unit.block?.name ?? "") stays until 'echo 1 > \(unit.folder.path)/delete'",
                subject: .device(unit.hctl.description))
        }
    }

    private func inspect(_ status: HBAStatus) async throws(StorageError) -> (host: HBAStatus, units: [HBAUnit]) {
        let host = configuration.host
        let number = status.scsiHost.number
        return try await withBlockingThread(
            named: "san-hosts", until: newDeadline(), waitingFor: "the units of \(status.name)"
        ) { () throws(StorageError) in
            guard let scsiHost = try SCSIHost(number: number, on: host), scsiHost.folder == status.scsiHost.folder
            else {
                throw StorageError(.notFound, "\(status.name) has gone", subject: .host(status.name))
            }
            let units = try scsiHost.units()
            var now = try HBAStatus(
                scsiHost, sessions: try ISCSISession.all(on: host), addresses: [number: units.count])
            if let problem = try PortSight(number: number, units: units, on: host)?.problem, status.expectsTargets {
                now.problems.append(Problem(problem))
            }
            var listed: [HBAUnit] = []
            for unit in units { listed.append(try HBAUnit(unit)) }
            return (now, listed)
        }
    }
}

extension HBAStatus {
    fileprivate func answers(to reference: String) -> Bool {
        if let number = SCSIHostName(reference)?.number { return scsiHost.number == number }
        if let wwpn = WWN(reference) { return port?.portName == wwpn }
        if let address = PCIAddress(reference) {
            return scsiHost.pciAddress == address && !scsiHost.isVirtualPort
        }
        return sessions.contains { $0.target == reference }
    }

    /// Whether it is there for targets: an HBA that has lent its link to virtual ports need not see one.
    fileprivate var expectsTargets: Bool { (port?.slots?.inUse ?? 0) == 0 }
}

extension HostScan.Scope {
    /// A Fibre Channel host is asked for targets that are there only: one that isn't would be no scan at all.
    func requireTarget(of host: HBAStatus) throws(StorageError) {
        guard host.port != nil, channel != nil || target != nil else { return }
        guard !host.remotePorts.contains(where: { $0.isReady && includes($0) }) else { return }
        let known = host.remotePorts.filter(\.isReady).compactMap { port in
            port.targetID.map { "\(port.channel):\($0) (\(port.portName))" }
        }
        throw StorageError(
            .notFound,
            "\(host.name) has no such target online; it has \(known.isEmpty ? "none" : known.joined(separator: ", "))",
            subject: .host(host.name))
    }
}

extension SCSIUnit {
    /// How many units each host has, without reading what they are.
    fileprivate static func counts(on host: HostRoot) throws(StorageError) -> [UInt32: Int] {
        try addresses(on: host).reduce(into: [:]) { $0[$1.host, default: 0] += 1 }
    }
}
