import CLinux
import SANEngine
import SANHost
import SANImages
import SANModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A private folder inside of the pool's, in which a volume is made before it is moved to its name in one step.
///
/// So nobody sees half a volume, a program that writes to a path can't be led astray by a link, and a killed process leaves something that
/// is known to be rubbish: its lock is free, and the next creation or refresh removes it.
final class Staging: Sendable {
    static let prefix = FileName.privatePrefix
    /// The names of files in it.
    static let volume = "volume"
    static let origin = "origin"
    static let frozen = "frozen"

    private let pool: OpenFile
    let name: String
    /// Open and locked for as long as this lives.
    let folder: OpenFile
    /// The volume that is made here, which messages are about: nobody knows the private folder.
    private let purpose: String?
    private let hasEnded = Mutex(false)

    init(in pool: OpenFile, for purpose: String? = nil) throws(StorageError) {
        try Staging.sweep(pool)
        self.pool = pool
        self.purpose = purpose
        // Another process may sweep the folder between its making and its locking; then the next name is tried.
        for _ in 0..<16 {
            let name = Staging.prefix + PrivateNumber.make()
            let made = unsafe san_folder_make(pool.descriptor, name, 0o700)
            if made == -EEXIST { continue }
            try check(made, cannot: "make a folder in", pool.path)
            if let folder = Staging.locked(name, in: pool) {
                self.name = name
                self.folder = folder
                return
            }
        }
        throw StorageError(.busy, "Can't keep a private folder in '\(pool.path.printable)'", subject: .path(pool.path))
    }

    deinit {
        guard !hasEnded.withLock({ $0 }) else { return }
        let (pool, name, folder) = (pool, name, folder)
        OneShotThread.start(name: "san-dir-sweep") { Staging.remove(folder, name, from: pool) }
    }

    /// Removes the folder, before the operation is told to be over.
    ///
    /// The end of the value is no more than the backstop: a thread that still lets go of it may do so after the process's last deed.
    func end() {
        let isFirst = hasEnded.withLock { hasEnded in
            defer { hasEnded = true }
            return !hasEnded
        }
        if isFirst { Staging.remove(folder, name, from: pool) }
    }

    /// Makes the file that will be the volume, empty and private.
    func makeFile(_ name: String = Staging.volume) throws(StorageError) -> OpenFile {
        let shown = purpose.map { pool.path(of: $0) }
        return try folder.open(name, O_RDWR | O_CREAT | O_EXCL, mode: 0o600, shownAs: shown)
    }

    /// Gives the volume its name.
    ///
    /// - Throws: `already_exists`.
    func publish(as name: FileName) throws(StorageError) {
        let result = unsafe san_file_move(folder.descriptor, Staging.volume, pool.descriptor, name.text)
        if result == -EEXIST { throw Staging.exists(name, in: pool) }
        try check(result, cannot: "give the new volume its name", pool.path(of: name.text))
    }

    static func exists(_ name: FileName, in pool: OpenFile) -> StorageError {
        StorageError(
            .alreadyExists, "There is a file '\(pool.path(of: name.text).printable)' already",
            subject: .volume(name.text))
    }

    private static func locked(_ name: String, in pool: OpenFile) -> OpenFile? {
        let descriptor = unsafe san_file_open(pool.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
        guard descriptor >= 0 else { return nil }
        let folder = OpenFile(adopting: descriptor, path: pool.path(of: name))
        guard san_file_try_lock(descriptor) == 0 else { return nil }
        var mine = san_file_status()
        var named = san_file_status()
        guard unsafe san_file_status(descriptor, &mine) == 0,
            unsafe san_file_status_at(pool.descriptor, name, &named) == 0,
            mine.inode == named.inode
        else { return nil }
        return folder
    }

    private static func sweep(_ pool: OpenFile) throws(StorageError) {
        let again = unsafe san_file_open(pool.descriptor, ".", O_RDONLY | O_DIRECTORY, 0)
        let listed = OpenFile(adopting: try check(again, cannot: "open", pool.path), path: pool.path)
        sweep(pool, try FolderEntries(of: listed))
    }

    /// Removes what killed processes have left, among the names in the pool's folder.
    static func sweep(_ pool: OpenFile, _ entries: FolderEntries) {
        for index in 0..<entries.count where entries.bytes(at: index).starts(with: prefix.utf8) {
            // What only begins like it is somebody's folder.
            guard PrivateNumber.isOne(entries.bytes(at: index).dropFirst(prefix.utf8.count)),
                let name = entries.name(at: index),
                let folder = locked(name, in: pool)
            else { continue }
            remove(folder, name, from: pool)
        }
    }

    /// A leftover is swept by the next creation or refresh, so failures don't count.
    private static func remove(_ folder: OpenFile, _ name: String, from pool: OpenFile) {
        for file in [volume, origin, frozen] {
            if unsafe san_file_remove(folder.descriptor, file, 0) == -EISDIR {
                _ = unsafe san_file_remove(folder.descriptor, file, 1)
            }
        }
        _ = unsafe san_file_remove(pool.descriptor, name, 1)
    }
}
