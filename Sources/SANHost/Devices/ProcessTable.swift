import Glibc
import SANModel

/// What procfs shows of other processes.
///
/// A process may end at any time: what can't be read of one is nothing.
enum ProcessTable {
    /// The most that is read of one file.
    private static let limit = 16 << 20

    struct Process {
        let id: Int32
        let host: HostRoot

        var isThisOne: Bool { id == getpid() }
        /// As `mnt:[4026531841]`.
        var mountNamespace: String? { link("ns", "mnt") }
        /// At most 15 bytes by the kernel.
        var command: String {
            ProcessTable.text("/proc/\(id)/comm", on: host).map { String($0.prefix { $0 != "\n" }) } ?? "?"
        }

        /// Whether it is one of those that open every device for a moment, or to see whether it still answers.
        var looksAtDevices: Bool { ["multipathd", "systemd-udevd", "(udev-worker)", "udevd"].contains(command) }

        func openFiles() -> [OpenFile] {
            ProcessTable.names("/proc/\(id)/fd", on: host).compactMap { name in
                // Sockets, pipes and the like have no `/`.
                guard let path = link("fd", name), path.hasPrefix("/") else { return nil }
                return OpenFile(name: name, path: path, number: number("fd/\(name)"))
            }
        }

        /// Whether a file was opened for reading only.
        func onlyReads(_ file: OpenFile) -> Bool {
            ProcessTable.openFlags(information(file.name)).map { $0 & O_ACCMODE == O_RDONLY } ?? false
        }

        /// Whether it has a regular file open for writing.
        func writes(to file: FileNode) -> Bool {
            ProcessTable.names("/proc/\(id)/fd", on: host).contains { name in
                let text = information(name)
                guard let flags = ProcessTable.openFlags(text), flags & O_ACCMODE != O_RDONLY
                else { return false }
                // Linux 5.14 and later tell it here, where no file system is asked, which may hang.
                if let inode = ProcessTable.inode(text), inode != file.inode { return false }
                // Only the kernel's own links lead to the open file.
                return host.root == "/" && FileNode(behind: "/proc/\(id)/fd/\(name)") == file
            }
        }

        private func information(_ name: String) -> String {
            ProcessTable.text("/proc/\(id)/fdinfo/\(name)", on: host) ?? ""
        }

        private func link(_ folder: String, _ name: String) -> String? {
            try? SysfsFolder("/proc/\(id)/\(folder)", on: host).linkText(name)  // ended, or somebody else's
        }

        /// The device that a link of procfs leads to, whatever its text: the node may have another name in the process' own namespace.
        private func number(_ file: String) -> DeviceNumber? {
            // Only the kernel's own links lead to the open file; in a captured tree they would lead out of it.
            guard host.root == "/" else { return nil }
            return DeviceNumber(behind: "/proc/\(id)/\(file)")
        }
    }

    struct OpenFile {
        /// The descriptor's number.
        var name: String
        var path: String
        /// Of the block device that it is.
        var number: DeviceNumber?
    }

    /// - Throws: `permission_denied`, `host_failure` where there is no procfs to be read.
    static func processes(on host: HostRoot) throws(StorageError) -> [Process] {
        try LocalFolder(try host.resolve("/proc")).names().compactMap { name in
            UInt64(decimal: name).flatMap { Int32(exactly: $0) }.map { Process(id: $0, host: host) }
        }
    }

    static func text(_ path: String, on host: HostRoot) -> String? {
        guard let bytes = try? LocalFile(try host.resolve(path)).read(limit: limit) else { return nil }  // it ended
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func names(_ path: String, on host: HostRoot) -> [String] {
        (try? LocalFolder(try host.resolve(path)).names()) ?? []  // ended, or somebody else's
    }

    // MARK: Parsing

    struct Mount: Hashable {
        var device: DeviceNumber
        var path: String
        var source: String
    }

    /// The lines of `mountinfo` (proc(5)); what isn't one is passed by.
    static func mounts(_ text: String) -> [Mount] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 6, let device = DeviceNumber(fields[2]), let dash = fields[6...].firstIndex(of: "-"),
                fields.count > dash + 2
            else { return nil }
            return Mount(device: device, path: unescaped(fields[4]), source: unescaped(fields[dash + 2]))
        }
    }

    /// The files of `/proc/swaps`, without its heading.
    static func swaps(_ text: String) -> [String] {
        text.split(separator: "\n").dropFirst().compactMap { line in
            line.split { $0 == " " || $0 == "\t" }.first.map { unescaped($0) }
        }
    }

    /// The `flags:` of a descriptor in `fdinfo`, which are octal.
    static func openFlags(_ text: String) -> Int32? {
        value(of: "flags:", in: text, radix: 8).map { Int32(truncatingIfNeeded: $0) }
    }

    /// The `ino:` of a descriptor in `fdinfo`; nil before Linux 5.14.
    static func inode(_ text: String) -> UInt64? { value(of: "ino:", in: text, radix: 10) }

    private static func value(of key: String, in text: String, radix: Int) -> UInt64? {
        for line in text.split(separator: "\n") where line.hasPrefix(key) {
            return UInt64(line.dropFirst(key.count).drop { $0 == "\t" || $0 == " " }, radix: radix)
        }
        return nil
    }

    /// Space, tab, newline and backslash are `\040`, `\011`, `\012` and `\134` there.
    static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            guard byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }),
                let value = UInt8(exactly: digits.reduce(0) { $0 * 8 + Int($1) - 0x30 })
            else {
                bytes.append(byte)
                continue
            }
            bytes.append(value)
            rest = rest.dropFirst(3)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
