public import SANModel

/// What udev keeps of a device, `/run/udev/data/b8:16`: its links and its properties.
///
/// The file's form is udev's own, unchanged since systemd 183 and read by libudev and lsblk alike.
public struct UdevRecord: Sendable, Hashable {
    /// Below `/dev`, without it: `disk/by-path/pci-0000:00:05.0-scsi-0:0:0:0`; sorted.
    public var links: [String]
    /// Whether udev has finished with the device at least once.
    public var isInitialized: Bool
    /// `ID_PATH=…` and so on, as they are: of dozens one or two are looked for.
    private var properties: [[UInt8]]

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
        let file = LocalFile(try host.resolve("/run/udev/data/b\(number)"))
        do throws(StorageError) {
            return UdevRecord(try file.read(limit: limit))
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    /// Lines that mean nothing to us, and those that are no text, are passed by.
    init(_ bytes: [UInt8]) {
        links = []
        properties = []
        isInitialized = false
        for line in bytes.split(separator: 0x0A) where line.count > 2 && line[line.startIndex + 1] == UInt8(ascii: ":")
        {
            let value = line.dropFirst(2)
            switch line[line.startIndex] {
            case UInt8(ascii: "S"): if let link = String(validating: value, as: UTF8.self) { links.append(link) }
            case UInt8(ascii: "I"): isInitialized = true
            case UInt8(ascii: "E"): properties.append(Array(value))
            default: break
            }
        }
        links.sort()
    }

    /// A property, `ID_SERIAL`, `ID_PATH`, `ID_TARGET_PORT` and so on; nil where the device has none of that name, and where it is no text.
    public subscript(property name: String) -> String? {
        let name = Array("\(name)=".utf8)
        // Of two lines the later one counts.
        guard let line = properties.last(where: { $0.starts(with: name) }) else { return nil }
        return String(validating: line.dropFirst(name.count), as: UTF8.self)
    }

    /// The links directly below a folder of `/dev`, as full paths.
    ///
    /// - Parameter folder: ``pathFolder``, or any other.
    public func links(in folder: String) -> [String] {
        links.lazy.map { "\(UdevRecord.devices)/\($0)" }.filter { link in
            guard let slash = link.lastIndex(of: "/") else { return false }
            return link[..<slash] == folder
        }
    }
}
