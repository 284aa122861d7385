public import SANModel

/// What sanctl reads of a host, as one text: the part of sysfs that the SAN is, udev's records and links, and what tools say.
///
/// Expanded below a folder, `sanctl --host-root FOLDER` gives the answers that it gives on the host. No secret is ever in it: attributes are
/// taken by a list of names (``CapturedAttributes``), and neither open-iscsi's records nor its configuration are read.
public struct HostCapture: Sendable {
    public private(set) var entries: [CaptureEntry] = []
    /// What couldn't be read, and is missing.
    public private(set) var problems: [StorageError] = []

    private let host: HostRoot
    private var visited: Set<String> = []
    private var devices: Set<DeviceNumber> = []

    /// The kernel's text attributes end at a page, VPD pages at 64 KiB.
    private static let limit = 4 + 0xFFFF

    /// Reads the host; blocks, to be called on a thread of its own.
    ///
    /// - Throws: `permission_denied`, `host_failure` where there is no sysfs to be read.
    public init(_ host: HostRoot) throws(StorageError) {
        self.host = host
        for name in CapturedAttributes.classes {
            addLinks(in: SysfsFolder("/sys/class/\(name)", on: host)) { _ in true }
        }
        addLinks(in: SysfsFolder("/sys/bus/scsi/devices", on: host)) { _ in true }
        for scsiHost in try SCSIHost.all(on: host) {
            addTree(scsiHost.folder)
            addWay(to: scsiHost.folder)
        }
        let blocks = SysfsFolder("/sys/block", on: host)
        for name in try blocks.names() where name.hasPrefix("dm-") {
            if let folder = try blocks.target(of: name) { addTree(folder) }
        }
        let taken = visited
        addLinks(in: blocks) { taken.contains($0.path) }
        addLinks(in: SysfsFolder("/sys/dev/block", on: host)) { taken.contains($0.path) }
        for number in devices.sorted() { addRecord(number) }
        for path in ["/etc/iscsi/initiatorname.iscsi", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/hostname"] {
            addFile(path, isNamed: true)
        }
        entries.sort { $0.path < $1.path }
    }

    /// Adds what a tool said, as a file below `/sanctl-capture`.
    public mutating func add(_ command: Command, _ output: CommandOutput) {
        let words = [command.tool.name] + command.arguments
        let head = "# \(words.joined(separator: " ")): exit \(output.status)\n"
        let name = words.joined(separator: "_").map { $0.isLetter || $0.isNumber || "-_".contains($0) ? $0 : "." }
        entries.append(
            CaptureEntry(
                "/sanctl-capture/\(String(name))",
                .file(Array(head.utf8) + output.output + Array(output.diagnostics.utf8)), isNamed: true))
    }

    /// The same with names replaced.
    public func replacingNames() -> HostCapture {
        var copy = self
        let pseudonyms = Pseudonyms(of: entries)
        copy.entries = entries.map { pseudonyms.applied(to: $0) }
        copy.problems = []
        return copy
    }

    /// The text, a remark first.
    ///
    /// - Parameter remark: one line.
    public func text(remark: String) -> String {
        entries.reduce(into: "# \(remark)\n") { $0 += $1.line + "\n" }
    }

    // MARK: What is taken

    /// A folder's links, those that lead where they are wanted.
    private mutating func addLinks(in folder: SysfsFolder, where isWanted: (SysfsFolder) -> Bool) {
        for name in attempt({ () throws(StorageError) in try folder.names() }) ?? [] {
            guard let text = attempt({ () throws(StorageError) in try folder.linkText(name) }) ?? nil,
                isWanted(SysfsFolder(HostPath.resolving(text, from: folder.path), on: host))
            else { continue }
            entries.append(CaptureEntry("\(folder.path)/\(name)", .link(text)))
        }
    }

    /// The subsystems and ports of what is above a host, which by-path names are made of.
    private mutating func addWay(to folder: SysfsFolder) {
        var above = folder.parent
        while above.path.split(separator: "/").count > 2 {
            for link in ["subsystem", "driver"] { addLink(above, link) }
            for name in ["ata_port", "fc_vports", "sas_port", "sas_device"] { addTree(above[name]) }
            above = above.parent
        }
    }

    private mutating func addLink(_ folder: SysfsFolder, _ name: String) {
        guard visited.insert("\(folder.path)/\(name)").inserted,
            let text = attempt({ () throws(StorageError) in try folder.linkText(name) }) ?? nil
        else { return }
        entries.append(CaptureEntry("\(folder.path)/\(name)", .link(text)))
    }

    /// A device's folder with what is below it; links aren't followed.
    private mutating func addTree(_ folder: SysfsFolder) {
        guard visited.insert(folder.path).inserted else { return }
        let isRelations = ["holders", "slaves"].contains(folder.name)
        for name in attempt({ () throws(StorageError) in try folder.names() }) ?? [] {
            guard !CapturedAttributes.omitted.contains(name) else { continue }
            if isRelations || CapturedAttributes.links.contains(name) {
                addLink(folder, name)
                continue
            }
            let status = status(of: "\(folder.path)/\(name)")
            if status?.isFolder == true {
                addTree(folder[name])
            } else if status?.isRegular == true, let kind = CapturedAttributes.kind(of: name) {
                addAttribute(folder, name, kind)
            }
        }
    }

    private mutating func addAttribute(_ folder: SysfsFolder, _ name: String, _ kind: CapturedAttributes.Kind) {
        let path = "\(folder.path)/\(name)"
        if case .writable = kind {
            entries.append(CaptureEntry(path, .writable))
            return
        }
        guard let bytes = attempt({ () throws(StorageError) in try folder.bytes(name, limit: Self.limit) }) ?? nil
        else {
            return
        }
        entries.append(CaptureEntry(path, .file(bytes), isNamed: kind != .plain))
        if name == "dev", let number = DeviceNumber(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)) {
            // A tape's or enclosure's `dev` is a character device's: udev keeps it in another file, which isn't there under this name.
            devices.insert(number)
        }
    }

    /// Udev's record of a block device, and the links in `/dev` that it tells of.
    private mutating func addRecord(_ number: DeviceNumber) {
        addFile("/run/udev/data/b\(number)", isNamed: true)
        let host = host
        let record = attempt { () throws(StorageError) in try UdevRecord.read(block: number, on: host) } ?? nil
        for link in record?.links ?? [] {
            let path = "\(UdevRecord.devices)/\(link)"
            guard let slash = path.lastIndex(of: "/") else { continue }
            let folder = SysfsFolder(String(path[..<slash]), on: host)
            let name = String(path[path.index(after: slash)...])
            guard visited.insert(path).inserted,
                let text = attempt({ () throws(StorageError) in try folder.linkText(name) }) ?? nil
            else { continue }
            entries.append(CaptureEntry(path, .link(text), isNamed: true))
        }
    }

    private mutating func status(of path: String) -> LocalFile.Status? {
        let host = host
        return attempt { () throws(StorageError) in try LocalFile(try host.resolve(path)).status() } ?? nil
    }

    private mutating func addFile(_ path: String, isNamed: Bool) {
        let host = host
        let bytes = attempt { () throws(StorageError) in
            try LocalFile(try host.resolve(path)).readIfPresent(limit: 1 << 20)
        }
        if let bytes = bytes ?? nil { entries.append(CaptureEntry(path, .file(bytes), isNamed: isNamed)) }
    }

    /// What can't be read is missing, and told of.
    private mutating func attempt<Value>(_ read: () throws(StorageError) -> Value) -> Value? {
        do throws(StorageError) {
            return try read()
        } catch {
            problems.append(error)
            return nil
        }
    }
}
