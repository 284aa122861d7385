public import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A disk of the kernel's target (LIO): a sparse file in the guest's memory, which LUNs of targets give to initiators.
public final class LabDisk: Sendable {
    public let name: String
    /// What VPD page 0x80 says.
    public let serial: String
    /// The bytes on the target's side.
    public let file: FilePath
    let configuration: FilePath
    private let group: FilePath

    /// - Parameter attributes: of LIO, see `core/fileio_0/NAME/attrib`: `emulate_tpu`, `emulate_caw`, …
    init(
        _ lab: Lab, size: UInt64, serial: String?, blockSize: Int, attributes: [String: String]
    ) async throws {
        try await lab.load("target_core_mod", "target_core_file")
        // Where LIO keeps reservations and ALUA states; it complains loudly where it can't.
        for folder in ["/etc/target/pr", "/etc/target/alua", "/var/target/pr", "/var/target/alua"] {
            try LabFile.makeFolder(FilePath(folder))
        }
        let serial = serial ?? LabDisk.randomSerial()
        group = LabPath.target.appending("core").appending("fileio_0")
        var number = 0
        while LabFile.exists(group.appending("disk\(number)")) { number += 1 }
        name = "disk\(number)"
        self.serial = serial
        file = lab.folder.appending("\(name)-\(LabDisk.randomSerial()).img")
        configuration = group.appending(name)
        try LabFile.makeSparse(file, size: size)
        try LabFile.makeFolder(configuration)
        lab.atEnd("The disk \(name)") { [self] in try remove() }
        try LabFile.set(configuration.appending("control"), "fd_dev_name=\(file),fd_dev_size=\(size)")
        // Only before it is enabled: the identity is fixed then.
        try LabFile.set(configuration.appending("wwn/vpd_unit_serial"), serial)
        try LabFile.set(configuration.appending("enable"), "1")
        if blockSize != 512 { try set("block_size", "\(blockSize)") }
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) { try set(name, value) }
    }

    /// What `scsi_id` says: LIO makes an NAA identifier of the first 25 hex digits of the serial.
    public var wwid: String {
        let digits = serial.lowercased().filter(\.isHexDigit).prefix(25)
        return "36001405" + digits + String(repeating: "0", count: 25 - digits.count)
    }

    /// Sets an attribute of the running disk.
    public func set(_ attribute: String, _ value: String) throws {
        try LabFile.set(configuration.appending("attrib").appending(attribute), value)
    }

    /// Makes the disk larger or smaller; LIO tells nobody of it, initiators see it when they look again.
    public func resize(to size: UInt64) throws {
        try LabFile.makeSparse(file, size: size)
        try LabFile.set(configuration.appending("control"), "fd_dev_size=\(size)")
    }

    /// Takes the disk away; no LUN may use it any more.
    public func remove() throws {
        try LabFile.removeConfiguration(configuration)
        if LabFile.names(in: group).allSatisfy({ $0.hasPrefix("hba_") }) { rmdir(group.string) }
        try LabFile.remove(file)
    }

    private static func randomSerial() -> String {
        (0..<2).map { _ in
            let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

extension Lab {
    /// A disk that no LUN gives to anybody yet.
    ///
    /// - Parameter serial: random where it doesn't matter. Two that begin with the same 25 hex digits are one WWID.
    public func disk(
        size: UInt64 = 64 << 20, serial: String? = nil, blockSize: Int = 512, attributes: [String: String] = [:]
    ) async throws -> LabDisk {
        try await LabDisk(self, size: size, serial: serial, blockSize: blockSize, attributes: attributes)
    }
}

/// Folders of the kernel that the lab writes to.
enum LabPath {
    static let target: FilePath = "/sys/kernel/config/target"
}
