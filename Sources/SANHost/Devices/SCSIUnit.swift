public import SANModel

/// A logical unit that the kernel has a device for, as sysfs and udev describe it: no process, no open, no command to the unit.
///
/// What it says of identity is what the kernel read when it found the unit; ``LiveIdentity`` asks the unit itself.
public struct SCSIUnit: Sendable, Hashable {
    public let hctl: HCTL
    /// `/sys/devices/…/HOST:CHANNEL:TARGET:LUN`.
    public let folder: SysfsFolder
    /// Nil where the kernel doesn't say.
    public var deviceType: SCSIDeviceType?
    public var inquiry: StandardInquiry?
    /// `running`, `offline`, `transport-offline`, `blocked` and so on.
    public var state: String?
    /// The whole unit's block device; nil where no driver has taken it.
    public var block: BlockDevice?
    public var identification: DeviceIdentification?
    public var serial: String?
    public var udev: UdevRecord?
    /// What couldn't be read, each a problem of this unit only.
    public var problems: [StorageError]

    /// VPD pages have 16 bits of length.
    private static let pageLimit = 4 + 0xFFFF

    /// The units of a SCSI host, or of all of them, sorted.
    ///
    /// - Parameter known: units that needn't be read again.
    /// - Throws: `permission_denied`, `host_failure`.
    public static func all(
        ofHost number: UInt32? = nil, besides known: Set<HCTL> = [], on host: HostRoot
    ) throws(StorageError) -> [SCSIUnit] {
        let bus = SysfsFolder("/sys/bus/scsi/devices", on: host)
        let addresses = try bus.names().compactMap { HCTL($0) }
            .filter { (number == nil || $0.host == number) && !known.contains($0) }.sorted()
        return try mapOnThreads(addresses, named: "san-units") { hctl throws(StorageError) in
            // One that is gone by now is no unit of the host's.
            try bus.target(of: hctl.description).flatMap { folder throws(StorageError) in try SCSIUnit(hctl, folder) }
        }.compactMap(\.self)
    }

    /// The addresses of a host's units, sorted, without reading what they are.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func addresses(ofHost number: UInt32, on host: HostRoot) throws(StorageError) -> [HCTL] {
        try SysfsFolder("/sys/bus/scsi/devices", on: host).names().lazy.filter { $0.hasPrefix("\(number):") }
            .compactMap { HCTL($0) }.sorted()
    }

    /// The addresses of all units of this machine, sorted, without reading what they are.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func addresses(on host: HostRoot) throws(StorageError) -> [HCTL] {
        try SysfsFolder("/sys/bus/scsi/devices", on: host).names().compactMap { HCTL($0) }.sorted()
    }

    /// The unit of a volume's name, `unit:0:0:3`; nil where the host has none.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func named(
        _ unitName: String, ofHost number: UInt32, on host: HostRoot
    ) throws(StorageError) -> SCSIUnit? {
        guard let hctl = try addresses(ofHost: number, on: host).first(where: { $0.unitName == unitName }) else {
            return nil
        }
        return try at(hctl, on: host)
    }

    /// The unit at an address; nil where the host has none.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func at(_ hctl: HCTL, on host: HostRoot) throws(StorageError) -> SCSIUnit? {
        guard let folder = try SysfsFolder("/sys/bus/scsi/devices", on: host).target(of: hctl.description) else {
            return nil
        }
        return try SCSIUnit(hctl, folder)
    }

    /// The unit that a block device is; nil for a device that is no SCSI unit.
    public static func of(_ device: BlockDevice) throws(StorageError) -> SCSIUnit? {
        guard let folder = try device.folder.target(of: "device"), let hctl = HCTL(folder.name) else { return nil }
        return try SCSIUnit(hctl, folder)
    }

    /// - Returns: nil where the unit is gone.
    /// - Throws: `permission_denied`, `host_failure`.
    public init?(_ hctl: HCTL, _ folder: SysfsFolder) throws(StorageError) {
        self.hctl = hctl
        self.folder = folder
        problems = []
        guard let type = try folder.text("type") else {
            guard try folder.exists() else { return nil }
            problems.append(
                StorageError(
                    .backendFailure, "The kernel doesn't say what kind of device \(hctl) is",
                    subject: .device(hctl.description)))
            return
        }
        deviceType = UInt64(decimal: type).flatMap { UInt8(exactly: $0) }.map { SCSIDeviceType(code: $0) } ?? .other
        state = try folder.text("state")
        try readIdentity()
        try readBlockDevice()
    }

    /// The identity as `scsi_id` prints it, from VPD page 0x83, else from the serial number; nil where the unit has none.
    public var wwid: String? {
        identification?.identity ?? serial.flatMap { serial in inquiry?.identity(serial: serial) }
    }

    private mutating func readIdentity() throws(StorageError) {
        let described = try folder.bytes("inquiry", limit: 512)
        inquiry = readable { () throws(StorageError) in
            try described.map { bytes throws(StorageError) in try StandardInquiry(bytes) }
        }
        let page = try folder.bytes("vpd_pg83", limit: SCSIUnit.pageLimit)
        identification = readable { () throws(StorageError) in
            try page.map { bytes throws(StorageError) in try DeviceIdentification(bytes) }
        }
        let number = try folder.bytes("vpd_pg80", limit: SCSIUnit.pageLimit)
        serial = readable { () throws(StorageError) in
            try number.map { bytes throws(StorageError) in try UnitSerialNumber(bytes) }?.serial
        }
    }

    private mutating func readBlockDevice() throws(StorageError) {
        guard let name = try folder["block"].names().first else { return }
        block = try BlockDevice(folder["block"][name])
        if let block { udev = try UdevRecord.read(block: block.number, on: folder.host) }
    }

    /// A malformed payload is a problem of the unit, and nothing more.
    private mutating func readable<Value>(_ parse: () throws(StorageError) -> Value?) -> Value? {
        do throws(StorageError) {
            return try parse()
        } catch {
            problems.append(error.about(.device, hctl.description))
            return nil
        }
    }
}
