public import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Files of the guest: those that the kernel shows (configfs, sysfs) and configuration.
public enum LabFile {
    public static func exists(_ path: FilePath) -> Bool {
        access(path.string, F_OK) == 0
    }

    /// The text of a file, without the newline at its end.
    public static func read(_ path: FilePath) throws -> String {
        let file = try open(path, .readOnly)
        return try file.closeAfter {
            var text: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while case let count = try chunk.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
                text += chunk.prefix(count)
            }
            if text.last == UInt8(ascii: "\n") { text.removeLast() }
            return String(decoding: text, as: UTF8.self)
        }
    }

    /// Writes an attribute of the kernel, in one call.
    public static func set(_ path: FilePath, _ text: String) throws {
        let file = try open(path, .writeOnly)
        try file.closeAfter {
            do {
                try file.writeAll(text.utf8)
            } catch {
                throw LabFailure("'\(text)' isn't taken by \(path): \(error)")
            }
        }
    }

    /// Makes a file, or writes it anew.
    public static func write(_ path: FilePath, _ text: String) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
    }

    /// Makes a sparse file.
    public static func makeSparse(_ path: FilePath, size: UInt64) throws {
        let file = try FileDescriptor.open(path, .readWrite, options: .create, permissions: [.ownerReadWrite])
        try file.closeAfter { try file.resize(to: Int64(size)) }
    }

    /// Makes a folder and those above it; one that is there already is fine.
    public static func makeFolder(_ path: FilePath) throws {
        if exists(path) { return }
        try makeFolder(path.removingLastComponent())
        guard mkdir(path.string, 0o755) == 0 || errno == EEXIST else { throw failure("make", path) }
    }

    public static func link(_ path: FilePath, to destination: FilePath) throws {
        guard symlink(destination.string, path.string) == 0 else { throw failure("link", path) }
    }

    public static func remove(_ path: FilePath) throws {
        guard unlink(path.string) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    /// What is in a folder, by name; nothing for one that isn't there.
    public static func names(in path: FilePath) -> [String] {
        guard let folder = opendir(path.string) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The target of a link with every link in it resolved, or nil.
    public static func resolve(_ path: FilePath) -> FilePath? {
        guard let resolved = realpath(path.string, nil) else { return nil }
        defer { free(resolved) }
        return FilePath(String(cString: resolved))
    }

    /// Removes a folder of configfs with the links and folders in it, in the order of their names: ACLs go before the LUNs they are for.
    ///
    /// What the kernel itself made there goes with its folder and can't be removed before.
    public static func removeConfiguration(_ path: FilePath) throws {
        guard exists(path) else { return }
        clear(path)
        guard rmdir(path.string) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    private static func clear(_ path: FilePath) {
        for name in names(in: path) {
            let inside = path.appending(name)
            var status = stat()
            guard lstat(inside.string, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFLNK {
                unlink(inside.string)
            } else if status.st_mode & S_IFMT == S_IFDIR {
                clear(inside)
                rmdir(inside.string)
            }
        }
    }

    private static func open(_ path: FilePath, _ mode: FileDescriptor.AccessMode) throws -> FileDescriptor {
        do {
            return try FileDescriptor.open(path, mode)
        } catch {
            throw LabFailure("\(path) can't be opened: \(error)")
        }
    }

    private static func failure(_ what: String, _ path: FilePath) -> LabFailure {
        LabFailure("Can't \(what) \(path): \(Errno(rawValue: errno))")
    }
}

extension LabFile {
    static let block: FilePath = "/sys/block"
    static let multipath: FilePath = "/etc/multipath"

    /// The names of the disks of a SCSI host (`host8`), as `sda`.
    public static func disks(of host: String) -> [String] {
        let number = host.drop { !$0.isNumber }
        return names(in: "/sys/class/scsi_device").filter { $0.hasPrefix("\(number):") }
            .flatMap { names(in: FilePath("/sys/class/scsi_device/\($0)/device/block")) }
    }
}
