public import SANBlockVolumes
public import SANEngine
import SANHost
public import SANModel

/// A `scsi` pool that this host has active.
public struct SCSIPool: VolumeInspection, BlockVolumePool {
    let name: String
    let adapter: Adapter
    public let volumes: BlockVolumes
    let backend: SCSIBackend

    var host: HostRoot { backend.host }
    var hbas: VirtualHBAs { backend.hbas }

    /// Which SCSI host the pool's is; its number is looked up each time, as the kernel gives it anew.
    enum Adapter: Sendable, Hashable {
        case named(String)
        case onFunction(PCIAddress, uniqueID: UInt32?)
        case virtualPort(PoolSource.FibreChannel)
    }

    /// Looks for new units behind the host and lists all of them.
    ///
    /// A scan that doesn't end is a problem of the pool; what is known is listed all the same.
    public func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let scsiHost = try await requiredHost(until: context.deadline)
        let known = try await addresses(of: scsiHost, until: context.deadline)
        var problems: [Problem] = []
        // What remains is for reading what is there.
        let limit = context.deadline.part(3, of: 4)
        do throws(StorageError) {
            try await HostScan(control: hbas.control).run(on: scsiHost, coordinator: context.coordinator, until: limit)
        } catch {
            guard error.code == .timedOut || error.code == .busy else { throw error }
            problems.append(Problem(error.about(.host, scsiHost.name)))
        }
        try await Settling(hbas: hbas, pace: backend.pace)
            .awaitNewUnits(of: scsiHost, besides: Set(known), until: limit)
        let (units, others) = try await units(of: scsiHost, until: context.deadline)
        let sight = try await sight(of: scsiHost, units, until: context.deadline)
        var listed = try await volumes.checkedVolumes(of: units, among: others, keys: keys, until: context.deadline)
        if let sight { listed = listed.map { sight.completing($0) } }
        if let problem = sight?.problem { problems.append(Problem(problem.about(.host, scsiHost.name))) }
        let capacity = listed.reduce(ByteCount(0)) { sum, volume in
            sum.adding(volume.definition.capacity ?? 0) ?? ByteCount(.max)
        }
        return PoolSnapshot(capacity: capacity, allocation: capacity, available: 0, volumes: listed, problems: problems)
    }

    /// Reads one unit again, and asks it what it is.
    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        let scsiHost = try await requiredHost(until: context.deadline)
        let (units, others) = try await units(of: scsiHost, until: context.deadline)
        guard let unit = units.first(where: { $0.hctl.unitName == volume.name }) else {
            throw StorageError(
                .notFound, "\(scsiHost.name) has no '\(volume.name.printable)' any more; refresh the pool",
                subject: .volume(volume.name.printable))
        }
        let fresh = try await volumes.checkedVolumes(
            of: [unit], among: units + others, keys: keys, until: context.deadline)
        guard let found = fresh.first else {
            throw StorageError(
                .notFound, "\(unit.hctl) is no disk any more; refresh the pool",
                subject: .volume(volume.name.printable))
        }
        return try await sight(of: scsiHost, [unit], until: context.deadline)?.completing(found) ?? found
    }

    /// The host's units, and those of all other hosts, among which may be one with the same WWID.
    private func units(
        of scsiHost: SCSIHost, until deadline: Deadline
    ) async throws(StorageError) -> (own: [SCSIUnit], others: [SCSIUnit]) {
        let host = host
        return try await withBlockingThread(
            named: "san-scsi", until: deadline, waitingFor: "the units of \(scsiHost.name)"
        ) { () throws(StorageError) in
            let all = try SCSIUnit.all(on: host)
            return (all.filter { $0.hctl.host == scsiHost.number }, all.filter { $0.hctl.host != scsiHost.number })
        }
    }

    /// What a Fibre Channel port sees; nil for another host.
    private func sight(
        of scsiHost: SCSIHost, _ units: [SCSIUnit], until deadline: Deadline
    ) async throws(StorageError) -> PortSight? {
        let host = host
        return try await withBlockingThread(
            named: "san-scsi", until: deadline, waitingFor: "the port of \(scsiHost.name)"
        ) { () throws(StorageError) in try PortSight(number: scsiHost.number, units: units, on: host) }
    }

    private var keys: BlockVolumes.KeyStyle {
        if case .virtualPort = adapter { .unitAndPort } else { .unit }
    }

    private func addresses(of scsiHost: SCSIHost, until deadline: Deadline) async throws(StorageError) -> [HCTL] {
        let host = host
        return try await withBlockingThread(
            named: "san-scsi", until: deadline, waitingFor: "the units of \(scsiHost.name)"
        ) { () throws(StorageError) in try SCSIUnit.addresses(ofHost: scsiHost.number, on: host) }
    }

    // MARK: The host

    /// The pool's host; nil where it isn't there.
    func scsiHost(until deadline: Deadline) async throws(StorageError) -> SCSIHost? {
        do throws(StorageError) {
            return try await requiredHost(until: deadline)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    /// - Throws: `not_found` where it isn't there.
    func requiredHost(until deadline: Deadline) async throws(StorageError) -> SCSIHost {
        let (host, adapter, hbas) = (host, adapter, hbas)
        return try await withBlockingThread(
            named: "san-scsi", until: deadline, waitingFor: "the SCSI host of pool '\(name.printable)'"
        ) { () throws(StorageError) in
            switch adapter {
            case .named(let name): return try SysfsSCSIHosts(host: host).host(named: name)
            case .onFunction(let address, let uniqueID):
                return try SysfsSCSIHosts(host: host).host(onFunction: address, uniqueID: uniqueID)
            case .virtualPort(let port):
                var request = VirtualHBARequest(port)
                // It is where it is: that its HBA isn't the document's any more is no reason not to list or to stop it.
                request.parent = nil
                guard let found = try hbas.existing(request, among: try FCHost.all(on: host)) else {
                    throw StorageError(
                        .notFound,
                        "Failed to find SCSI host with wwnn='\(port.wwnn)', wwpn='\(port.wwpn)': the vHBA has gone")
                }
                return found.scsiHost
            }
        }
    }
}
