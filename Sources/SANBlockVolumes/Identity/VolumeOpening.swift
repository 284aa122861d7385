import SANEngine
import SANHost
import SANModel

/// Opens the device of a volume that was listed, and makes sure on the open descriptor that it is that volume.
///
/// Every step blocks; to be run on a thread of its own.
struct VolumeOpening {
    let host: HostRoot
    let volume: Volume
    let access: OpenBlockDevice.Access
    let deadline: Deadline

    /// - Throws: `not_found` for a device that vanished, `invalid_state` for another unit and for one whose WWID another unit has too, `busy`
    ///   with who uses it, `permission_denied`, `unavailable`, `timed_out`, `backend_failure`, `host_failure`.
    func open() throws(StorageError) -> BlockTarget {
        do throws(StorageError) {
            let unit = try listedUnit()
            guard let unit else { return try open(try listedMap()) }
            guard let block = unit.block else { throw vanished() }
            let others = try otherPaths(of: unit)
            if let map = try map(of: [unit] + others) { return try open(map) }
            return try open(unit, block, others)
        } catch {
            throw error.about(.volume, volume.name.printable)
        }
    }

    // MARK: Which device

    /// The SCSI unit that the volume is a path to; nil for a map.
    private func listedUnit() throws(StorageError) -> SCSIUnit? {
        guard let hctl = volume.unit?.hctl else { return nil }
        guard let address = HCTL(hctl), let unit = try SCSIUnit.at(address, on: host) else { throw vanished() }
        return unit
    }

    /// The map of the volume's WWID, whatever its names are by now (L33).
    private func listedMap() throws(StorageError) -> DeviceMapping {
        if let wwid = volume.unit?.wwid, let map = try DeviceMapping.multipathMap(of: wwid, on: host) { return map }
        guard let block = try BlockDevice.named(volume.name, on: host), let map = try block.mapping(),
            map.multipathWWID == nil
        else { throw vanished() }
        throw StorageError(
            .invalidState,
            "The map \(map.name.printable) doesn't say whose it is: its UUID is '\(map.uuid.printable)', and multipathd's begin with 'mpath-'",
            subject: .device(map.device))
    }

    private func vanished() -> StorageError {
        StorageError(
            .notFound, "The device of '\(volume.name.printable)' is gone: refresh the pool, and look at its paths",
            subject: .volume(volume.name.printable))
    }

    // MARK: A unit

    private func open(
        _ unit: SCSIUnit, _ block: BlockDevice, _ others: [SCSIUnit]
    ) throws(StorageError) -> BlockTarget {
        guard unit.isRunning else { throw notRunning(unit) }
        let device = try exclusive(block)
        // The unit as it is now that its device can't become another one's.
        guard let current = try SCSIUnit.of(block), current.hctl == unit.hctl, let block = current.block,
            block.number == device.number
        else { throw vanished() }
        try ListedIdentity.check(volume, current, try ask(current, through: device))
        if access == .exclusiveWrite { try refuseSharedIdentity(of: [current]) }
        try refuseUsers(of: block)
        return try BlockTarget(device, of: block, volume: volume.name, holding: try hold(others))
    }

    private func notRunning(_ unit: SCSIUnit) -> StorageError {
        StorageError(
            .unavailable, "\(unit.hctl) is \(unit.stateText): nothing is read or written before it is running",
            subject: .device(unit.hctl.description))
    }

    private func ask(_ unit: SCSIUnit, through device: OpenBlockDevice) throws(StorageError) -> LiveIdentity {
        let time = min(UnitInterview.commandTime, deadline.remaining)
        return try LiveIdentity.ask(device, unit: unit.hctl.description, timeout: time)
    }

    // MARK: A map

    /// A LUN that is under a map is written through it: that is what keeps its paths in order, and the LUN's I/O going when one fails (L36).
    private func open(_ map: DeviceMapping) throws(StorageError) -> BlockTarget {
        guard let block = try BlockDevice.named(map.device, on: host), let wwid = map.multipathWWID else {
            throw vanished()
        }
        // Without a path an open may hang for as long as the map queues (L35).
        let all = try paths(of: block)
        let slaves = try block.slaves()
        guard !all.isEmpty || slaves.isEmpty else {
            throw StorageError(
                .unsupported,
                "The paths of the map \(map.name.printable) aren't SCSI units, which could be asked what they are",
                subject: .device(map.device))
        }
        let paths = all.filter(\.isRunning)
        guard !paths.isEmpty else {
            throw StorageError(
                .unavailable, "The map \(map.name.printable) has no path that is running", subject: .device(map.device))
        }
        let device = try exclusive(block)
        guard let current = try BlockDevice.numbered(device.number, on: host), let now = try current.mapping(),
            now.uuid == map.uuid
        else { throw vanished() }
        try check(paths, of: map, wwid, size: current.capacity)
        try ListedIdentity.checkSize(volume, current.capacity, current.logicalBlockSize)
        // What is read would be of either unit, too.
        try refuseSharedIdentity(of: paths)
        try refuseUsers(of: current)
        for path in paths { try refuseDirectUsers(of: path, below: map) }
        return try BlockTarget(device, of: current, volume: volume.name)
    }

    private func paths(of map: BlockDevice) throws(StorageError) -> [SCSIUnit] {
        var paths: [SCSIUnit] = []
        for name in try map.slaves() {
            if let slave = try BlockDevice.named(name, on: host), let unit = try SCSIUnit.of(slave) {
                paths.append(unit)
            }
        }
        return paths
    }

    /// One path may lead to another unit than the rest (L09): the map would write to both.
    ///
    /// A path that doesn't answer carries no data either; one that does is enough, as the map works with it.
    private func check(
        _ paths: [SCSIUnit], of map: DeviceMapping, _ wwid: String, size: ByteCount?
    ) throws(StorageError) {
        var silence: [StorageError] = []
        for path in paths {
            guard let block = path.block else { continue }
            let live: LiveIdentity
            do throws(StorageError) {
                live = try ask(path, through: try OpenBlockDevice(block, .ask))
            } catch {
                silence.append(error)
                continue
            }
            try check(path, block, live, of: map, wwid)
            if block.capacity != size {
                throw StorageError(
                    .invalidState,
                    "The path \(path.hctl) of \(map.name.printable) has another size than the map (L78): resize the map first",
                    subject: .device(map.device))
            }
        }
        if silence.count == paths.count, let error = silence.first { throw error }
    }

    private func check(
        _ path: SCSIUnit, _ block: BlockDevice, _ live: LiveIdentity, of map: DeviceMapping, _ wwid: String
    ) throws(StorageError) {
        if let error = ListedIdentity.staleness(path, live) { throw error }
        guard live.answers(to: wwid) else {
            throw StorageError(
                .invalidState,
                "The path \(path.hctl) (\(block.name)) of \(map.name.printable) leads to unit "
                    + "\((live.wwid ?? "without a WWID").printable), and the map is of \(wwid.printable)",
                subject: .device(map.device))
        }
        if let listed = volume.unit?.wwid, !live.answers(to: listed) {
            try ListedIdentity.compare(volume, "WWID", listed, live.wwid)
        }
    }
}
