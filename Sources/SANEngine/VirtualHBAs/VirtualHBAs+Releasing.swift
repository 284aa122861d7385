public import SANHost
public import SANModel

extension VirtualHBAs {
    /// Makes sure that nobody uses the port's disks, and takes the multipath maps away that have no other path (L34).
    ///
    /// A map that nobody uses is no use of a disk: multipathd makes one of every disk. One that keeps paths loses the port's, as when a cable is
    /// pulled.
    ///
    /// - Throws: `busy` naming who uses which of the disks, and as ``MultipathMaps/remove(wwid:until:)``.
    public func release(_ scsiHost: SCSIHost, until deadline: Deadline) async throws(StorageError) {
        let users = users
        let stacks = try await withBlockingThread(
            named: "san-users", until: deadline, waitingFor: "who uses the disks of \(scsiHost.name)"
        ) { () throws(StorageError) in
            let end = min(deadline, .after(DeviceUsers.transientUse))
            var pause = Duration.milliseconds(20)
            while true {
                let stacks = try DiskStack.all(on: scsiHost, users)
                let uses = stacks.map(\.uses).filter { !$0.isEmpty }
                if !uses.allSatisfy(\.mayPass) || uses.isEmpty || end.hasPassed { return stacks }
                // Udev's programs have it open for a moment (L32), and nothing tells when a file is closed.
                _ = Poll.wait([], until: min(end, .after(pause)))
                pause *= 2
            }
        }
        let refusals = stacks.filter { !$0.uses.isEmpty }.map {
            DeviceUse.refusal(of: $0.device, called: $0.title, $0.uses)
        }
        if let first = refusals.first {
            let more = refusals.count > 1 ? ", and \(refusals.count - 1) more" : ""
            throw StorageError(
                .busy, "LUNs of the vHBA '\(scsiHost.name)' are in use: \(first.message)\(more)",
                subject: .host(scsiHost.name), causes: Array(refusals.dropFirst()))
        }
        let maps = MultipathMaps(host: host, mapper: mapper, events: events)
        for wwid in Set(stacks.compactMap(\.onlyMap)).sorted() {
            _ = try await maps.remove(wwid: wwid, until: deadline)
        }
    }
}

/// A disk of a port, who uses it, and the multipath map on it.
private struct DiskStack {
    let device: String
    /// As `unit:0:0:7 (sdd)`.
    let title: String
    /// Without the map and its partitions' maps, which nobody uses for being there.
    let uses: [DeviceUse]
    /// The WWID of a map that has paths through this port only.
    let onlyMap: String?

    static func all(on scsiHost: SCSIHost, _ users: DeviceUserLookup) throws(StorageError) -> [DiskStack] {
        let units = try scsiHost.units()
        let names = Set(units.compactMap(\.block?.name))
        var stacks: [DiskStack] = []
        for unit in units {
            if let block = unit.block { stacks.append(try DiskStack(unit, block, among: names, users)) }
        }
        return stacks
    }

    private init(
        _ unit: SCSIUnit, _ block: BlockDevice, among names: Set<String>, _ users: DeviceUserLookup
    ) throws(StorageError) {
        device = block.name
        title = "\(unit.hctl.unitName) (\(device))"
        let host = block.folder.host
        let map = try block.multipathMap()
        let mapped = try map.flatMap { map throws(StorageError) in try BlockDevice.named(map.device, on: host) }
        var idle: Set<String> = []
        if let map, let mapped {
            idle.insert(map.device)
            for holder in try mapped.holders() {
                // `part1-mpath-3600…`, of kpartx.
                guard let part = try BlockDevice.named(holder, on: host)?.mapping(), part.uuid.hasPrefix("part"),
                    part.uuid.hasSuffix("-" + map.uuid)
                else { continue }
                idle.insert(holder)
            }
        }
        uses = try users(block).filter { use in
            guard case .holder = use.kind else { return true }
            return !idle.contains(use.device)
        }
        let paths = try mapped?.slaves() ?? []
        onlyMap = names.isSuperset(of: paths) ? map?.multipathWWID : nil
    }
}
