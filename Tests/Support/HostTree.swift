import FoundationEssentials
public import SANHost
import SANModel
import SystemPackage

/// A host made of files: what a test puts below `/sys`, `/proc`, `/run` and `/dev` is all that there is.
///
/// Paths are the host's own. Sysfs' links are relative, as the kernel makes them.
public final class HostTree: Sendable {
    public let folder: TemporaryFolder

    public init() throws {
        folder = try TemporaryFolder()
    }

    public var host: HostRoot { HostRoot(folder.path) }

    /// A file, with the newline at its end that sysfs has.
    public func write(_ path: String, _ text: String) throws {
        try write(path, Array((text + "\n").utf8))
    }

    public func write(_ path: String, _ bytes: [UInt8]) throws {
        let file = try place(path)
        try Data(bytes).write(to: URL(filePath: file))
    }

    public func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: folder.path.string + path, withIntermediateDirectories: true)
    }

    /// A link with this very text.
    public func link(_ path: String, text: String) throws {
        let file = try place(path)
        try? FileManager.default.removeItem(atPath: file)  // there is none, or an old one
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: text)
    }

    /// A relative link to another path of the host.
    public func link(_ path: String, to target: String) throws {
        let depth = path.split(separator: "/").count - 1
        try link(path, text: String(repeating: "../", count: depth) + target.drop { $0 == "/" })
    }

    public func remove(_ path: String) throws {
        try FileManager.default.removeItem(atPath: folder.path.string + path)
    }

    private func place(_ path: String) throws -> String {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        try makeFolder(String(path[..<slash]))
        return folder.path.string + path
    }
}

extension HostTree {
    /// A block device in `/sys`, below a folder of its driver.
    ///
    /// - Parameter bytes: its size.
    @discardableResult
    public func addBlockDevice(
        _ name: String, _ number: String, bytes: UInt64 = 1 << 20, below parent: String = "/sys/devices/virtual"
    ) throws -> BlockDevice {
        let path = "\(parent)/block/\(name)"
        try write("\(path)/dev", number)
        try write("\(path)/size", "\(bytes / 512)")
        try write("\(path)/ro", "0")
        try write("\(path)/queue/logical_block_size", "512")
        try makeFolder("\(path)/holders")
        try makeFolder("\(path)/slaves")
        try link("/sys/block/\(name)", to: path)
        try link("/sys/dev/block/\(number)", to: path)
        return try device(name)
    }

    public func addPartition(_ name: String, _ number: String, of disk: String) throws {
        let path = try device(disk).folder.path + "/" + name
        try write("\(path)/dev", number)
        try write("\(path)/size", "8")
        try write("\(path)/partition", "1")
        try makeFolder("\(path)/holders")
        try link("/sys/dev/block/\(number)", to: path)
    }

    /// A device-mapper device on others, which may be partitions (`sda/sda1`).
    public func addMap(
        _ name: String, _ number: String, called map: String, uuid: String, on slaves: [String], bytes: UInt64 = 1 << 20
    ) throws {
        let path = try addBlockDevice(name, number, bytes: bytes).folder.path
        try write("\(path)/dm/name", map)
        try write("\(path)/dm/uuid", uuid)
        for slave in slaves {
            let parts = slave.split(separator: "/").map(String.init)
            let below = try device(parts[0]).folder.path + (parts.count > 1 ? "/" + parts[1] : "")
            try link("\(below)/holders/\(name)", to: path)
            try link("\(path)/slaves/\(parts[parts.count - 1])", to: below)
        }
    }

    /// A SCSI disk with the identity that the kernel has of it.
    ///
    /// - Parameter session: the iSCSI session that it is reached through, `session1`.
    @discardableResult
    public func addDisk(
        _ name: String, _ number: String, at hctl: String, bytes: UInt64 = 1 << 20, state: String = "running",
        vendor: String = "SANCTL", product: String = "DISK", naa: [UInt8]? = nil, serial: String? = nil,
        below parent: String = "/sys/devices/platform", through session: String? = nil
    ) throws -> SCSIUnit {
        let parts = hctl.split(separator: ":")
        let host = "\(parent)/host\(parts[0])" + (session.map { "/\($0)" } ?? "")
        let path = "\(host)/target\(parts[0]):\(parts[1]):\(parts[2])/\(hctl)"
        try write("\(path)/type", "0")
        try write("\(path)/state", state)
        try write("\(path)/inquiry", SCSIAnswer.inquiry(vendor: vendor, product: product))
        if let naa { try write("\(path)/vpd_pg83", SCSIAnswer.page83(naa: naa)) }
        if let serial { try write("\(path)/vpd_pg80", SCSIAnswer.page(0x80, Array(serial.utf8))) }
        try link("/sys/bus/scsi/devices/\(hctl)", to: path)
        try addBlockDevice(name, number, bytes: bytes, below: path)
        try link("\(path)/block/\(name)/device", to: path)
        return try unit(hctl)
    }

    public func device(_ name: String) throws -> BlockDevice {
        guard let device = try BlockDevice.named(name, on: host) else {
            throw StorageError(.notFound, "The tree has no device \(name)")
        }
        return device
    }

    public func unit(_ hctl: String) throws -> SCSIUnit {
        guard let name = HCTL(hctl), let place = try SysfsFolder("/sys/bus/scsi/devices", on: host).target(of: hctl),
            let unit = try SCSIUnit(name, place)
        else {
            throw StorageError(.notFound, "The tree has no unit \(hctl)")
        }
        return unit
    }
}
