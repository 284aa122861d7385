import Glibc
public import SANModel
public import SystemPackage

/// A file of sanctl's own folders: small, on a local file system, never a device.
public struct LocalFile: Sendable, Hashable {
    public let path: FilePath

    public init(_ path: FilePath) {
        self.path = path
    }

    /// Who owns the file and what it is, from `lstat(2)`.
    public struct Status: Sendable, Hashable {
        public var isRegular: Bool
        public var isFolder: Bool
        public var isLink: Bool
        public var owner: UInt32
        /// The lowest twelve bits of the mode.
        public var permissions: UInt32
        public var size: Int64
        /// When it was last written, in seconds since 1970.
        public var modified: Int64
    }

    /// Nil where there is nothing at the path.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func status() throws(StorageError) -> Status? {
        var raw = stat()
        guard unsafe lstat(path.string, &raw) == 0 else {
            let error = Errno(rawValue: errno)
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw StorageError.system(error, "look at", at: path)
        }
        let type = raw.st_mode & S_IFMT
        return Status(
            isRegular: type == S_IFREG, isFolder: type == S_IFDIR, isLink: type == S_IFLNK, owner: raw.st_uid,
            permissions: raw.st_mode & 0o7777, size: Int64(raw.st_size), modified: Int64(raw.st_mtim.tv_sec))
    }

    /// Marks it as written now; one that isn't there stays so.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func touch() throws(StorageError) {
        guard unsafe utimensat(AT_FDCWD, path.string, nil, AT_SYMLINK_NOFOLLOW) != 0 else { return }
        let error = Errno(rawValue: errno)
        if error != .noSuchFileOrDirectory { throw StorageError.system(error, "mark", at: path) }
    }

    /// All of it; a link isn't followed.
    ///
    /// - Parameter limit: the most that is taken.
    /// - Throws: `not_found`, `permission_denied`, `host_failure` for what is longer or no regular file.
    public func read(limit: Int) throws(StorageError) -> [UInt8] {
        guard let bytes = try readIfPresent(limit: limit) else {
            throw StorageError.system(.noSuchFileOrDirectory, "open", at: path)
        }
        return bytes
    }

    /// The same, and nil where there is no such file.
    ///
    /// - Throws: `permission_denied`, `host_failure` for what is longer or no regular file.
    public func readIfPresent(limit: Int) throws(StorageError) -> [UInt8]? {
        guard let descriptor = try open() else { return nil }
        defer { close(descriptor) }
        var raw = stat()
        guard unsafe fstat(descriptor, &raw) == 0 else { throw .lastCall("look at", at: path) }
        guard raw.st_mode & S_IFMT == S_IFREG else {
            throw StorageError(
                .hostFailure, "\(path.string.printable) isn't a regular file", subject: .path(path.string.printable))
        }
        guard raw.st_size <= limit else { throw tooLong(limit) }
        var bytes = [UInt8](repeating: 0, count: Int(raw.st_size) + 1)
        var filled = 0
        while true {
            if filled == bytes.count { bytes.append(contentsOf: repeatElement(0, count: max(4096, filled))) }
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress.map { unsafe $0 + filled }, buffer.count - filled)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw .lastCall("read", at: path)
            }
            if count == 0 { break }
            filled += count
            guard filled <= limit else { throw tooLong(limit) }
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    /// - Returns: whether there was one.
    /// - Throws: `permission_denied`, `host_failure`.
    @discardableResult
    public func remove() throws(StorageError) -> Bool {
        if unsafe unlink(path.string) == 0 { return true }
        let error = Errno(rawValue: errno)
        if error == .noSuchFileOrDirectory { return false }
        throw StorageError.system(error, "remove", at: path)
    }

    /// Makes the path a symbolic link; one that is there already is replaced in one step.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func link(to target: String) throws(StorageError) {
        let new = path.removingLastComponent().appending(AtomicFile.temporaryName())
        guard unsafe symlink(target, new.string) == 0 else { throw .lastCall("make the link", at: new) }
        guard unsafe rename(new.string, path.string) == 0 else {
            let error = StorageError.lastCall("make the link", at: path)
            unsafe unlink(new.string)
            throw error
        }
    }

    private func open() throws(StorageError) -> Int32? {
        while true {
            let descriptor = unsafe Glibc.open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            if descriptor >= 0 { return descriptor }
            switch errno {
            case EINTR: continue
            case ENOENT: return nil
            default: throw .lastCall("open", at: path)
            }
        }
    }

    private func tooLong(_ limit: Int) -> StorageError {
        StorageError(
            .hostFailure, "\(path.string.printable) is longer than \(limit) bytes",
            subject: .path(path.string.printable))
    }
}
