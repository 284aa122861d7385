import SANHost
import SANModel

/// One path of a map: what device-mapper, multipathd and sysfs say of it.
struct MapPath {
    let number: DeviceNumber
    /// The kernel's name; its number where it has none.
    let name: String
    /// Three words, as `multipath -ll` prints them.
    let state: String
    /// Whether I/O can go this way.
    let isUsable: Bool
    let capacity: ByteCount?
    /// Nil for what is no SCSI unit, and for a device that is gone.
    let unit: SCSIUnit?
    let path: LogicalUnit.Path

    /// multipath's word for a checker that nobody has asked.
    private static let unchecked = "undef"

    /// - Parameter units: the host's SCSI units by their disks.
    /// - Throws: `permission_denied`, `host_failure` where sysfs itself can't be read.
    init(
        _ path: MultipathTarget.Path, units: [DeviceNumber: SCSIUnit], checked: CheckedPath?, on host: HostRoot
    ) throws(StorageError) {
        number = path.device
        let device = try BlockDevice.numbered(path.device, on: host)
        name = device?.name ?? path.device.description
        capacity = device?.capacity
        unit = device.flatMap { units[$0.number] }
        // The kernel's own word comes before what multipathd saw some seconds ago.
        let deviceState = device == nil ? "gone" : unit?.state ?? checked?.device ?? "running"
        state = [
            path.isActive ? "active" : "failed", checked?.checker ?? MapPath.unchecked, deviceState,
        ].map(\.printable).joined(separator: " ")
        isUsable = path.isActive && checked?.isFaulty != true && ["running", "live"].contains(deviceState)
        self.path = LogicalUnit.Path(
            device: name, state: state, portal: try unit?.portal(), port: try unit?.targetPort(),
            hctl: unit?.hctl.description)
    }

    /// The problem of a path that says it is another LUN than the map (L09): an array may put another one behind its number.
    func mismatch(with wwid: String?) -> StorageError? {
        guard let wwid, let unit, unit.answers(to: wwid) == false else { return nil }
        return StorageError(
            .backendFailure,
            "The path \(name.printable) says that it is \((unit.wwid ?? "another LUN").printable), not \(wwid.printable): use it no more, and remove it",
            subject: .device(name.printable))
    }
}
