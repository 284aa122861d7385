public import SANModel

/// A SCSI host of the kernel: an HBA, a vHBA, an iSCSI session.
public struct SCSIHost: Sendable, Hashable {
    public let number: UInt32
    /// `/sys/devices/…/hostN`, the host's device, not its entry in a class.
    public let folder: SysfsFolder

    /// Every host, by its number.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func all(on host: HostRoot) throws(StorageError) -> [SCSIHost] {
        var hosts: [SCSIHost] = []
        for name in try SysfsFolder("/sys/class/scsi_host", on: host).names() {
            guard let number = SCSIHost.number(of: name), let found = try SCSIHost(number: number, on: host) else {
                continue
            }
            hosts.append(found)
        }
        return hosts.sorted { $0.number < $1.number }
    }

    /// - Returns: nil where there is no such host.
    /// - Throws: `permission_denied`, `host_failure`.
    public init?(number: UInt32, on host: HostRoot) throws(StorageError) {
        // The entry is `…/hostN/scsi_host/hostN`.
        guard let entry = try SysfsFolder("/sys/class/scsi_host", on: host).target(of: "host\(number)") else {
            return nil
        }
        self.number = number
        folder = entry.parent.parent
    }

    /// The number in `hostN`; nil for other names.
    static func number(of name: some StringProtocol) -> UInt32? {
        name.hasPrefix("host") ? UInt64(decimal: name.dropFirst(4)).flatMap(UInt32.init(exactly:)) : nil
    }

    /// libvirt's name of the host, `scsi_host3`.
    public var name: String { "scsi_host\(number)" }

    /// The host's entry in class `scsi_host`, with `unique_id`, `proc_name`, `scan` and `state`.
    public var attributes: SysfsFolder { folder["scsi_host"]["host\(number)"] }

    /// What the driver numbers the ports of one PCI function by; 0 for most.
    public func uniqueID() throws(StorageError) -> UInt32? {
        try attributes.number("unique_id").flatMap { UInt32(exactly: $0) }
    }

    /// The driver's name, `ahci`, `qla2xxx`, `iscsi_tcp`.
    public func driver() throws(StorageError) -> String? { try attributes.text("proc_name") }

    /// The PCI function that the host is on: the nearest one above it; nil for a host that is on none (iSCSI, FCoE over a virtual link).
    public var pciAddress: PCIAddress? {
        folder.path.split(separator: "/").reversed().lazy.compactMap { PCIAddress(sysfs: $0) }.first
    }

    /// The logical units that the kernel has devices for below this host, sorted.
    public func units() throws(StorageError) -> [SCSIUnit] {
        try SCSIUnit.all(ofHost: number, on: folder.host)
    }

    /// Asks the host to look for new units: `echo "- - -" > /sys/class/scsi_host/hostN/scan`.
    ///
    /// Blocks until the driver has scanned; to be called on a thread of its own. Only ever one at a time for a host: the kernel's scan mutex is
    /// per host (L20), and never while something of this host is being detached (L14).
    ///
    /// - Parameters: nil for all of them.
    /// - Throws: `not_found`, `permission_denied`, `host_failure`.
    public func scan(channel: UInt32? = nil, target: UInt32? = nil, lun: LogicalUnitNumber? = nil) throws(StorageError)
    {
        let parts = [channel.map(String.init), target.map(String.init), lun.map { String($0.kernel) }]
        try attributes.write(parts.map { $0 ?? "-" }.joined(separator: " "), to: "scan")
    }
}

extension PCIAddress {
    /// Sysfs' spelling only, `0000:00:1f.2`: a host's path also has parts like `0:0:0:0`.
    fileprivate init?(sysfs text: some StringProtocol) {
        guard text.utf8.count >= 12, text.dropLast(1).last == ".", let address = PCIAddress(text),
            address.description == text
        else { return nil }
        self = address
    }
}
