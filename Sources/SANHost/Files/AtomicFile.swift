import Glibc
public import SANModel
import Synchronization
public import SystemPackage

/// A file that is replaced as a whole: whoever reads it, and whatever ends the writer, sees the old contents or the new.
public struct AtomicFile: Sendable {
    /// A point between two steps of a write, where a test can end it as a crash would.
    public enum Step: String, Sendable, Hashable, CaseIterable {
        case begun, created, written, synchronized, renamed, finished
    }

    /// Called after each step; what it throws ends the write there and leaves everything as it is.
    public typealias Checkpoint = @Sendable (Step) throws(StorageError) -> Void

    public let path: FilePath
    /// Whether it must survive a power cut; not for what is gone with the next boot.
    public let isDurable: Bool
    private let staging: FilePath
    private let checkpoint: Checkpoint

    /// - Parameter staging: the folder that the temporary file is in, of the same file system; nil for the file's own. For folders that somebody
    ///   else reads all files of.
    public init(
        _ path: FilePath, isDurable: Bool = true, staging: FilePath? = nil, checkpoint: @escaping Checkpoint = { _ in }
    ) {
        self.path = path
        self.staging = staging ?? path.removingLastComponent()
        self.isDurable = isDurable
        self.checkpoint = checkpoint
    }

    /// Writes a temporary file of mode 0600, in the same folder unless told otherwise, syncs it, renames it over the old one, and syncs the folder.
    ///
    /// - Throws: `permission_denied`, `host_failure`; the old contents are in place then.
    public func write(_ bytes: [UInt8]) throws(StorageError) {
        let folder = path.removingLastComponent()
        let temporary = staging.appending(Self.temporaryName())
        try checkpoint(.begun)
        let descriptor = unsafe open(temporary.string, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .lastCall("make a file in", at: staging) }
        var isOpen = true
        defer { if isOpen { close(descriptor) } }
        try checkpoint(.created)
        do throws(StorageError) {
            try write(bytes, to: descriptor)
        } catch {
            unsafe unlink(temporary.string)
            throw error
        }
        try checkpoint(.written)
        if isDurable, fsync(descriptor) != 0 {
            let error = StorageError.lastCall("sync", at: temporary)
            unsafe unlink(temporary.string)
            throw error
        }
        isOpen = false
        // A network file system says only here that there was no room.
        guard close(descriptor) == 0 || errno == EINTR else {
            let error = StorageError.lastCall("write", at: temporary)
            unsafe unlink(temporary.string)
            throw error
        }
        try checkpoint(.synchronized)
        guard unsafe rename(temporary.string, path.string) == 0 else {
            let error = StorageError.lastCall("write", at: path)
            unsafe unlink(temporary.string)
            throw error
        }
        try checkpoint(.renamed)
        if isDurable { try LocalFolder(folder).synchronize() }
        try checkpoint(.finished)
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws(StorageError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw .lastCall("write", at: path)
            }
            done += count
        }
    }

    private static let prefix = ".sanctl-"
    private static let counter = Atomic<UInt64>(0)

    /// `.sanctl-PID-NUMBER.tmp`: it tells whose leftover it is.
    static func temporaryName() -> String {
        "\(prefix)\(getpid())-\(counter.wrappingAdd(1, ordering: .relaxed).newValue).tmp"
    }

    /// Removes the temporary files of writers that were killed.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func removeLeftovers(in folder: LocalFolder) throws(StorageError) {
        for name in try folder.names() where name.hasPrefix(prefix) && name.hasSuffix(".tmp") {
            guard let process = Int32(name.dropFirst(prefix.count).prefix { $0 != "-" }), process > 0 else { continue }
            if kill(process, 0) != 0, errno == ESRCH { try LocalFile(folder.path.appending(name)).remove() }
        }
    }
}
