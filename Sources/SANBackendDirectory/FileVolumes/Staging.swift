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

    /// Nobody waits for what a hung file system makes of it.
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
        // NFS, CephFS and 9p know no such rename (`nfs_rename`, Linux 6.1); FUSE where its server doesn't.
        if [-EINVAL, -ENOSYS, -EOPNOTSUPP].contains(result) { return try moveInSteps(to: name) }
        try require(result, name)
    }

    /// Takes the name first, which refuses one that is taken, and then puts the volume there.
    ///
    /// - Throws: `already_exists`.
    func moveInSteps(to name: FileName) throws(StorageError) {
        let linked = unsafe san_file_link(folder.descriptor, Staging.volume, pool.descriptor, name.text)
        // The name in the private folder goes with it. A server whose first answer was lost may say whatever it likes of a second try.
        if linked == 0 || isNamed(name) { return }
        guard [-EPERM, -EOPNOTSUPP, -ENOSYS, -EINVAL, -EMLINK].contains(linked) else {
            return try require(linked, name)
        }
        // A folder, and a file system without a second name for a file: an empty one of the name is replaced.
        let status = try folder.status(of: Staging.volume)
        if status.kind == .folder {
            try require(unsafe san_folder_make(pool.descriptor, name.text, 0o700), name)
            let moved = unsafe san_file_replace(folder.descriptor, Staging.volume, pool.descriptor, name.text)
            // Only an empty one goes.
            if moved < 0 { _ = unsafe san_file_remove(pool.descriptor, name.text, 1) }
            return try require(moved, name)
        }
        let opened = unsafe san_file_open(pool.descriptor, name.text, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        try require(opened, name)
        let taken = OpenFile(adopting: opened, path: pool.path(of: name.text))
        let moved = unsafe san_file_replace(folder.descriptor, Staging.volume, pool.descriptor, name.text)
        guard moved < 0, !isNamed(name, status) else { return }
        do throws(StorageError) {
            try require(moved, name)
        } catch {
            throw giveBack(name, taken, after: error)
        }
    }

    /// Removes the empty file that took the name of the volume, where that is still what has it.
    private func giveBack(_ name: FileName, _ taken: OpenFile, after error: StorageError) -> StorageError {
        do throws(StorageError) {
            let own = try taken.status()
            if own.size == 0, isNamed(name, own) {
                try check(
                    unsafe san_file_remove(pool.descriptor, name.text, 0), cannot: "delete", pool.path(of: name.text))
            }
            return error
        } catch let undo {
            return error.adding(
                cause: StorageError(
                    undo.code, "An empty file '\(pool.path(of: name.text).printable)' may be left: delete it",
                    subject: .volume(name.text), causes: [undo]))
        }
    }

    private func require(_ result: Int32, _ name: FileName) throws(StorageError) {
        if result == -EEXIST { throw Staging.exists(name, in: pool) }
        try check(result, cannot: "give the new volume its name", pool.path(of: name.text))
    }

    private func isNamed(_ name: FileName) -> Bool {
        var own = san_file_status()
        guard unsafe san_file_status_at(folder.descriptor, Staging.volume, &own) == 0 else { return false }
        return isNamed(name, FileStatus(own))
    }

    private func isNamed(_ name: FileName, _ file: FileStatus) -> Bool {
        var named = san_file_status()
        guard unsafe san_file_status_at(pool.descriptor, name.text, &named) == 0 else { return false }
        return (file.device, file.inode) == (named.device, named.inode)
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
        sweep(pool, try FolderEntries(of: listed), on: try FileSystem(of: pool))
    }

    /// Removes what killed processes have left, among the names in the pool's folder.
    ///
    /// Another host's lock isn't seen: where there may be one, only what nobody has touched for a day is left for certain.
    static func sweep(_ pool: OpenFile, _ entries: FolderEntries, on system: FileSystem, now: Timestamp = .now) {
        for index in 0..<entries.count where entries.bytes(at: index).starts(with: prefix.utf8) {
            // What only begins like it is somebody's folder.
            guard PrivateNumber.isOne(entries.bytes(at: index).dropFirst(prefix.utf8.count)),
                let name = entries.name(at: index),
                let folder = locked(name, in: pool), system.isLocal || isOld(folder, now)
            else { continue }
            remove(folder, name, from: pool)
        }
    }

    /// Whether nothing in it was written for a day.
    private static func isOld(_ folder: OpenFile, _ now: Timestamp) -> Bool {
        let limit = now.seconds - 24 * 60 * 60
        for name in [".", volume, origin, frozen] {
            var status = san_file_status()
            let looked = unsafe san_file_status_at(folder.descriptor, name, &status)
            if looked == -ENOENT { continue }
            guard looked == 0, status.modification_seconds < limit, status.change_seconds < limit else { return false }
        }
        return true
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
