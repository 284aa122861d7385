public import SANModel

/// What udev keeps of a device, `/run/udev/data/b8:16`: its links and its properties.
///
/// The file's form is udev's own, unchanged since systemd 183 and read by libudev and lsblk alike.
public struct UdevRecord: Sendable, Hashable {
    /// Below `/dev`, without it: `disk/by-path/pci-0000:00:05.0-scsi-0:0:0:0`; sorted.
    public var links: [String]
    /// Whether udev has finished with the device at least once.
    public var isInitialized: Bool
    /// As it was read: of dozens of properties one or two are looked for.
    private var text: [UInt8]

    /// Where device nodes and the links to them are.
    public static let devices = "/dev"
    /// Links by the way to the device: the same after a boot, and on every host that is connected alike.
    public static let pathFolder = "/dev/disk/by-path"
    /// Links by the device's identity.
    public static let identityFolder = "/dev/disk/by-id"

    /// The most that is read of a record.
    private static let limit = 1 << 20

    /// Udev's record of a block device; nil where it has none yet.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func read(block number: DeviceNumber, on host: HostRoot) throws(StorageError) -> UdevRecord? {
        // Read as sysfs is: a file for each device of the host.
        try SysfsFolder("/run/udev/data", on: host).bytes("b\(number)", limit: limit).map { UdevRecord($0) }
    }

    /// Lines that mean nothing to us, and those that are no text, are passed by.
    init(_ bytes: [UInt8]) {
        links = []
        isInitialized = false
        text = bytes
        for (kind, value) in lines {
            switch kind {
            case UInt8(ascii: "S"): if let link = String(validating: value, as: UTF8.self) { links.append(link) }
            case UInt8(ascii: "I"): isInitialized = true
            default: break
            }
        }
        links.sort()
    }

    /// `S:disk/by-id/…` and so on, as the letter and what it says.
    private var lines: some Sequence<(kind: UInt8, value: ArraySlice<UInt8>)> {
        text.lazy.split(separator: 0x0A).compactMap { line in
            guard line.count > 2, line[line.startIndex + 1] == UInt8(ascii: ":") else { return nil }
            return (line[line.startIndex], line.dropFirst(2))
        }
    }

    /// A property, `ID_SERIAL`, `ID_PATH`, `ID_TARGET_PORT` and so on; nil where the device has none of that name, and where it is no text.
    public subscript(property name: String) -> String? {
        let start = Array("\(name)=".utf8)
        var found: ArraySlice<UInt8>?
        // Of two lines the later one counts.
        for (kind, value) in lines where kind == UInt8(ascii: "E") && value.starts(with: start) { found = value }
        return found.flatMap { String(validating: $0.dropFirst(start.count), as: UTF8.self) }
    }

    /// The links directly below a folder of `/dev`, as full paths.
    ///
    /// - Parameter folder: ``pathFolder``, or any other.
    public func links(in folder: String) -> [String] {
        let prefix = "\(folder)/"
        return links.lazy.map { "\(UdevRecord.devices)/\($0)" }.filter { link in
            link.hasPrefix(prefix) && !link.utf8.dropFirst(prefix.utf8.count).contains(UInt8(ascii: "/"))
        }
    }
}
