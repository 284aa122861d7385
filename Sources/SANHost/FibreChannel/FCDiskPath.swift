public import SANModel

/// Where a disk is in Fibre Channel: through which port of this host, from which target's port, as which unit.
///
/// Udev's own `path_id` (systemd 252) names the disk of a virtual port as if it came through the HBA, and one behind a virtual network interface
/// not at all. Red Hat's names a virtual port's `…-vport-0xWWPN-fc-0xTARGET-lun-N`: these are its names, for all of them.
public struct FCDiskPath: Sendable, Hashable {
    public var lun: LogicalUnitNumber
    /// The target's.
    public var target: WWN
    /// The physical port of this host.
    public var port: WWN
    /// The virtual port that the disk came through.
    public var virtualPort: WWN?

    /// - Parameter device: the disk's folder below `/sys`, without it.
    /// - Returns: nil for a device that is no Fibre Channel disk, or has gone.
    /// - Throws: `permission_denied`, `host_failure`.
    public init?(device: String, on host: HostRoot) throws(StorageError) {
        let parts = device.split(separator: "/")
        guard let rport = parts.last(where: { $0.hasPrefix("rport-") }),
            let hctl = parts.lazy.reversed().compactMap({ HCTL($0) }).first,
            let own = try FCHost(number: hctl.host, on: host),
            let entry = try SysfsFolder("/sys/class/fc_remote_ports", on: host).target(of: String(rport)),
            let target = try entry.wwn("port_name")
        else { return nil }
        lun = hctl.lun
        self.target = target
        port = own.portName
        if let virtual = own.virtual {
            guard let parent = try FCHost(number: virtual.parent, on: host) else { return nil }
            port = parent.portName
            virtualPort = own.portName
        }
    }

    /// The name in `/dev/disk/by-path`: `pci-0000:00:02.0-vport-0x5001438000000001-fc-0x2000525400fc0101-lun-0`.
    ///
    /// - Parameter idPath: udev's, for what is before the target in it; without one the physical port's name stands there, `port-0x…`.
    public func name(idPath: String?) -> String {
        let known = idPath.flatMap { path in
            path.firstRange(of: "-fc-0x").map { String(path[..<$0.lowerBound]) }
        }
        // What udev gave is hostile too, as far as a name in /dev goes.
        let isPlain = known?.utf8.allSatisfy { byte in
            (0x30...0x3A).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "@")].contains(byte)
        }
        let start = isPlain == true ? known ?? "" : "port-0x\(port)"
        let vport = virtualPort.map { "-vport-0x\($0)" } ?? ""
        return "\(start)\(vport)-fc-0x\(target)-lun-\(FCDiskPath.text(of: lun))"
    }

    /// As `path_id` writes it: LUNs from 256 on as two words of hex and two of zeros.
    static func text(of lun: LogicalUnitNumber) -> String {
        let number = lun.kernel
        guard number >= 256 else { return String(number) }
        func word(_ value: UInt64) -> String {
            let digits = String(value & 0xFFFF, radix: 16)
            return String(repeating: "0", count: 4 - digits.count) + digits
        }
        return "0x\(word(number))\(word(number >> 16))00000000"
    }
}
