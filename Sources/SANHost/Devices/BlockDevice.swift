public import SANModel

/// A block device of the kernel, as sysfs describes it; nothing is opened.
public struct BlockDevice: Sendable, Hashable {
    /// The kernel's name, `sda`, `dm-3`.
    public let name: String
    public let number: DeviceNumber
    public let folder: SysfsFolder
    public var capacity: ByteCount?
    public var logicalBlockSize: UInt32?
    /// Which of all the devices that ever had this name it is, since boot; nil on a kernel before 5.15 (L07).
    public var sequence: UInt64?

    /// - Parameter folder: `/sys/devices/…/block/sda`.
    /// - Returns: nil where the device is gone.
    /// - Throws: `permission_denied`, `host_failure`.
    public init?(_ folder: SysfsFolder) throws(StorageError) {
        guard let number = try folder.text("dev").flatMap({ DeviceNumber($0) }) else { return nil }
        self.folder = folder
        self.number = number
        name = folder.name
        // `size` counts 512 bytes whatever the block size is.
        let sectors = try folder.number("size")
        capacity = sectors.flatMap { count in
            let (bytes, overflow) = count.multipliedReportingOverflow(by: 512)
            return overflow ? nil : ByteCount(bytes)
        }
        logicalBlockSize = try folder["queue"].number("logical_block_size").flatMap { UInt32(exactly: $0) }
        sequence = try folder.number("diskseq")
    }

    /// The device by its kernel name; nil where there is none.
    public static func named(_ name: String, on host: HostRoot) throws(StorageError) -> BlockDevice? {
        guard !name.contains("/"), let folder = try SysfsFolder("/sys/block", on: host).target(of: name) else {
            return nil
        }
        return try BlockDevice(folder)
    }

    /// The device by its number; nil where there is none.
    public static func numbered(_ number: DeviceNumber, on host: HostRoot) throws(StorageError) -> BlockDevice? {
        guard let folder = try SysfsFolder("/sys/dev/block", on: host).target(of: number.description) else {
            return nil
        }
        return try BlockDevice(folder)
    }

    /// The kernel's device node; `!` in the name stands for `/`.
    public var node: String { "/dev/" + String(name.map { $0 == "!" ? "/" : $0 }) }

    /// Whether the kernel takes no writes for it.
    public func isReadOnly() throws(StorageError) -> Bool { try folder.number("ro") == 1 }

    /// The devices that stand on this one, by kernel name: maps, volume groups, RAIDs.
    public func holders() throws(StorageError) -> [String] { try folder["holders"].names() }

    /// The devices that this one stands on.
    public func slaves() throws(StorageError) -> [String] { try folder["slaves"].names() }

    /// Its name and UUID in device-mapper; nil for other devices.
    public func mapping() throws(StorageError) -> DeviceMapping? {
        guard let name = try folder["dm"].text("name") else { return nil }
        return DeviceMapping(device: self.name, name: name, uuid: try folder["dm"].text("uuid") ?? "")
    }

    /// The multipath map that stands on this device; nil where it is no path of one (L03b: from sysfs, not from links).
    public func multipathMap() throws(StorageError) -> DeviceMapping? {
        for holder in try holders() {
            if let map = try BlockDevice.named(holder, on: folder.host)?.mapping(), map.multipathWWID != nil {
                return map
            }
        }
        return nil
    }
}

/// A device-mapper device, by its names.
public struct DeviceMapping: Sendable, Hashable {
    /// `dm-3`.
    public var device: String
    /// Below `/dev/mapper`.
    public var name: String
    /// `mpath-3600…`, `LVM-…`, `CRYPT-…`; empty where it has none.
    public var uuid: String

    /// The WWID of a multipath map (L33: by the UUID, whatever its name is); nil for others.
    public var multipathWWID: String? {
        uuid.hasPrefix("mpath-") ? String(uuid.dropFirst("mpath-".count)) : nil
    }

    public var path: String { "/dev/mapper/" + name }

    /// The multipath map of a LUN; nil where there is none.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func multipathMap(of wwid: String, on host: HostRoot) throws(StorageError) -> DeviceMapping? {
        for name in try SysfsFolder("/sys/block", on: host).names() where name.hasPrefix("dm-") {
            let map = try BlockDevice.named(name, on: host)?.mapping()
            if let map, map.multipathWWID == wwid { return map }
        }
        return nil
    }
}
