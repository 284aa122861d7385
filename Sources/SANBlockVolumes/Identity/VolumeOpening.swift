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

    /// How long others may hold the device for a moment, as udev and LVM do when something about it has changed (L32).
    private static let transientHold = Duration.seconds(3)

    /// - Throws: `not_found` for a device that vanished, `invalid_state` for another unit and for one whose WWID another unit has too, `busy`
    ///   with who uses it, `permission_denied`, `unavailable`, `timed_out`, `backend_failure`, `host_failure`.
    func open() throws(StorageError) -> BlockTarget {
        do throws(StorageError) {
            let unit = try listedUnit()
            guard let unit else { return try open(try listedMap()) }
            guard let block = unit.block else { throw vanished() }
            if let map = try block.multipathMap() { return try open(map) }
            return try open(unit, block)
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
        guard let wwid = volume.unit?.wwid else { throw vanished() }
        guard let map = try DeviceMapping.multipathMap(of: wwid, on: host) else { throw vanished() }
        return map
    }

    private func vanished() -> StorageError {
        StorageError(
            .notFound, "The device of '\(volume.name.printable)' is gone: refresh the pool, and look at its paths",
            subject: .volume(volume.name.printable))
    }

    // MARK: A unit

    private func open(_ unit: SCSIUnit, _ block: BlockDevice) throws(StorageError) -> BlockTarget {
        guard unit.isRunning else { throw notRunning(unit) }
        let device = try exclusive(block)
        // The unit as it is now that its device can't become another one's.
        guard let current = try SCSIUnit.of(block), current.hctl == unit.hctl, let block = current.block,
            block.number == device.number
        else { throw vanished() }
        try ListedIdentity.check(volume, current, try ask(current, through: device))
        try refuseSharedIdentity(of: [current])
        try refuseUsers(of: block)
        return try BlockTarget(device, of: block, volume: volume.name)
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
        let paths = try paths(of: block).filter(\.isRunning)
        guard !paths.isEmpty else {
            throw StorageError(
                .unavailable, "The map \(map.name.printable) has no path that is running", subject: .device(map.device))
        }
        let device = try exclusive(block)
        guard let current = try BlockDevice.numbered(device.number, on: host), let now = try current.mapping(),
            now.uuid == map.uuid
        else { throw vanished() }
        for path in paths { try check(path, of: map, wwid, size: current.capacity) }
        try ListedIdentity.checkSize(volume, current.capacity, current.logicalBlockSize)
        try refuseSharedIdentity(of: paths)
        try refuseUsers(of: current)
        for path in paths { try refuseDirectUsers(of: path) }
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
    private func check(
        _ path: SCSIUnit, of map: DeviceMapping, _ wwid: String, size: ByteCount?
    ) throws(StorageError) {
        guard let block = path.block else { throw vanished() }
        let live = try ask(path, through: try OpenBlockDevice(block, .ask))
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
        if block.capacity != size {
            throw StorageError(
                .invalidState,
                "The path \(path.hctl) of \(map.name.printable) has another size than the map (L78): resize the map first",
                subject: .device(map.device))
        }
    }

    // MARK: Refusals

    /// Opens the device; waits a little where somebody holds it for a moment, and names who holds it for longer.
    func exclusive(_ block: BlockDevice) throws(StorageError) -> OpenBlockDevice {
        let end = min(deadline, .after(VolumeOpening.transientHold))
        var pause = Duration.milliseconds(20)
        while true {
            do throws(StorageError) {
                return try OpenBlockDevice(block, access)
            } catch {
                guard error.code == .busy else { throw error }
            }
            let uses = try DeviceUsers.of(block)
            if !uses.isEmpty || end.hasPassed { throw DeviceUse.refusal(of: block.name, uses) }
            // Nothing tells when an exclusive opener closes.
            _ = Poll.wait([], until: min(end, .after(pause)))
            pause *= 2
        }
    }

    func refuseUsers(of block: BlockDevice) throws(StorageError) {
        guard access == .exclusiveWrite else { return }
        let uses = try DeviceUsers.lasting(of: block, until: deadline)
        if !uses.isEmpty { throw DeviceUse.refusal(of: block.name, uses) }
    }

    /// Who uses a path of a map past the map.
    private func refuseDirectUsers(of path: SCSIUnit) throws(StorageError) {
        guard access == .exclusiveWrite, let block = path.block else { return }
        let uses = try DeviceUsers.of(block).filter { $0.device == block.name }
        if !uses.isEmpty { throw DeviceUse.refusal(of: block.name, uses) }
    }

    private func refuseSharedIdentity(of units: [SCSIUnit]) throws(StorageError) {
        guard access == .exclusiveWrite else { return }
        let conflicts = try SharedIdentity.conflicts(among: try SCSIUnit.all(on: host))
        for unit in units {
            if let error = conflicts[unit.hctl] { throw error }
        }
    }
}
