import CLinux
import SANHost
import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// An open file or folder, closed when it goes; shared by the threads of one operation.
final class OpenFile: Sendable {
    let descriptor: Int32
    /// For messages.
    let path: String

    init(adopting descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        // Errors of delayed writes are caught by fdatasync where they matter.
        _ = san_file_close(descriptor)
    }

    /// By which a program that is started while this is open comes to the very file, whatever its name is by then.
    ///
    /// - Throws: `host_failure` where the kernel's link leads elsewhere: the /proc here may be another container's, or the host's.
    func shared() throws(StorageError) -> FilePath {
        let link = SharedFile.path(of: descriptor)
        let found = OpenFile(
            adopting: try check(
                unsafe san_file_open(AT_FDCWD, link.string, O_RDONLY | O_NONBLOCK, 0),
                cannot: "find by its link in /proc", path),
            path: path)
        let (own, other) = (try status(), try found.status())
        guard own.inode == other.inode, own.device == other.device else {
            throw StorageError(
                .hostFailure, "'\(link.string)' isn't '\(path.printable)': /proc has to be that of this process",
                subject: .path(path.printable))
        }
        return link
    }

    /// A second descriptor of the same open file.
    static func duplicate(_ descriptor: Int32, name: String) throws(StorageError) -> OpenFile {
        OpenFile(adopting: try check(san_file_duplicate(descriptor), cannot: "use", name), path: name)
    }

    /// Opens a folder by its path; links are followed: the path is the administrator's.
    static func folder(_ path: FilePath, shownAs shown: String) throws(StorageError) -> OpenFile {
        let result = unsafe san_file_open(AT_FDCWD, path.string, O_RDONLY | O_DIRECTORY, 0)
        return OpenFile(adopting: try check(result, cannot: "open the folder", shown), path: shown)
    }

    /// Opens what a path below this folder leads to, links included, as long as no step leaves the folder.
    func openBeneath(_ path: String, _ flags: Int32) throws(StorageError) -> OpenFile {
        let result = unsafe san_file_open_beneath(descriptor, path, flags | O_NONBLOCK)
        return OpenFile(adopting: try check(result, cannot: "open", self.path(of: path)), path: self.path(of: path))
    }

    /// Opens a file of this folder, never through a link and never blocking on a pipe or device.
    ///
    /// - Parameter shown: the path for messages, if it isn't the file's own.
    func open(
        _ name: String, _ flags: Int32, mode: UInt32 = 0, shownAs shown: String? = nil
    ) throws(StorageError) -> OpenFile {
        let path = shown ?? path(of: name)
        let result = unsafe san_file_open(descriptor, name, flags | O_NOFOLLOW | O_NONBLOCK, mode)
        return OpenFile(adopting: try check(result, cannot: "open", path), path: path)
    }

    func path(of name: String) -> String {
        path.hasSuffix("/") ? path + name : path + "/" + name
    }

    func status() throws(StorageError) -> FileStatus {
        var status = san_file_status()
        try check(unsafe san_file_status(descriptor, &status), cannot: "look at", path)
        return FileStatus(status)
    }

    /// The status of a name in this folder, of a link itself.
    func status(of name: String) throws(StorageError) -> FileStatus {
        var status = san_file_status()
        try check(unsafe san_file_status_at(descriptor, name, &status), cannot: "look at", path(of: name))
        return FileStatus(status)
    }

    /// Fills the buffer from the offset; less only at the end of the file.
    func read(into buffer: inout [UInt8], at offset: UInt64) throws(StorageError) -> Int {
        let got = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return Int64(0) }
            return unsafe san_file_read(descriptor, start, bytes.count, offset)
        }
        return Int(try check(got, cannot: "read", path))
    }

    func truncate(to size: UInt64) throws(StorageError) {
        guard size <= UInt64(Int64.max) else {
            throw StorageError(.invalidArgument, "A file can't have \(size) bytes", subject: .path(path.printable))
        }
        try check(san_file_truncate(descriptor, size), cannot: "set the size of", path)
    }

    func sync() throws(StorageError) {
        try check(san_file_sync(descriptor), cannot: "sync", path)
    }

    /// Has the next reads come from the disk; what isn't on it yet stays in memory.
    func forget() {
        // A file system without a cache has nothing to forget, and says so.
        _ = san_file_forget(descriptor)
    }

    /// The SELinux label; nil where the file or the kernel has none.
    func label() -> String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe buffer.withUnsafeMutableBytes { bytes -> Int64 in
            guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return 0 }
            return unsafe san_file_label(descriptor, start, bytes.count)
        }
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(Int(count)).prefix { $0 != 0 }, as: UTF8.self)
    }
}
