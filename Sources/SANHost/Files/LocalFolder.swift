import Glibc
public import SANModel
public import SystemPackage

/// One of sanctl's own folders.
public struct LocalFolder: Sendable, Hashable {
    public let path: FilePath

    public init(_ path: FilePath) {
        self.path = path
    }

    /// Makes the folder, and those above it that are missing with mode 0755.
    ///
    /// One that is there keeps its mode.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func create(mode: UInt32 = 0o755) throws(StorageError) {
        if unsafe Glibc.mkdir(path.string, mode) == 0 { return }
        switch Errno(rawValue: errno) {
        case .fileExists:
            guard try isFolder() else {
                throw StorageError(
                    .hostFailure, "\(path.string.printable) isn't a folder", subject: .path(path.string.printable))
            }
        case .noSuchFileOrDirectory where !path.removingLastComponent().isEmpty && path.lastComponent != nil:
            try LocalFolder(path.removingLastComponent()).create()
            guard unsafe Glibc.mkdir(path.string, mode) == 0 || errno == EEXIST else {
                throw .lastCall("make the folder", at: path)
            }
        case let error: throw StorageError.system(error, "make the folder", at: path)
        }
    }

    /// The names in it, sorted by their bytes, without `.` and `..`; none where there is no such folder.
    ///
    /// Names that aren't UTF-8 are left out: nothing of ours has one.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func names() throws(StorageError) -> [String] {
        guard let stream = unsafe opendir(path.string) else {
            if errno == ENOENT { return [] }
            throw .lastCall("list", at: path)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw .lastCall("list", at: path) }
                break
            }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Writes the folder's entries to the disk, so that a rename in it survives a power cut.
    func synchronize() throws(StorageError) {
        let descriptor = unsafe Glibc.open(path.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .lastCall("open", at: path) }
        defer { close(descriptor) }
        // Some file systems can't do this to a folder, and say so with EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .lastCall("sync", at: path) }
    }

    private func isFolder() throws(StorageError) -> Bool {
        var raw = stat()
        guard unsafe stat(path.string, &raw) == 0 else { throw .lastCall("look at", at: path) }
        return raw.st_mode & S_IFMT == S_IFDIR
    }
}
