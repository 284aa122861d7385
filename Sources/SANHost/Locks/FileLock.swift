import Glibc
public import SANModel
import Synchronization
public import SystemPackage

/// A lock between tasks and processes: `flock(2)` on a file that stays.
///
/// The kernel releases it when its holder ends, however it ends. Each lock is an open file of its own, so two tasks of one process exclude
/// each other as two processes do.
public final class FileLock: Sendable {
    public enum Mode: Sendable, Hashable {
        case shared, exclusive
    }

    private let descriptor: Mutex<Int32?>

    private init(adopting descriptor: Int32) {
        self.descriptor = Mutex(descriptor)
    }

    deinit {
        release()
    }

    /// Lets go; a second time does nothing.
    public func release() {
        let descriptor = descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        if let descriptor { close(descriptor) }
    }

    /// Waits for the lock until the deadline.
    ///
    /// A wait that was given up releases the lock when it is granted late.
    ///
    /// - Parameters:
    ///   - verb: what the holder does, for the message of those who wait for it: "refresh".
    ///   - what: what is locked: "pool 'p'".
    /// - Throws: `busy` at the deadline, naming who holds it as far as known; `cancelled`, `permission_denied`, `host_failure`.
    public static func acquire(
        _ mode: Mode, at path: FilePath, for verb: String, of what: String, until deadline: Deadline
    ) async throws(StorageError) -> FileLock {
        if Task.isCancelled { throw StorageError(.cancelled, "Cancelled while waiting for \(what)") }
        if let lock = try attempt(mode, at: path, for: verb) { return lock }
        if deadline.hasPassed { throw busy(what, path) }
        do throws(StorageError) {
            return try await withBlockingThread(named: "san-lock", until: deadline, waitingFor: what) {
                () throws(StorageError) -> FileLock in
                let descriptor = try open(path)
                let lock = FileLock(adopting: descriptor)
                while flock(descriptor, mode.operation) != 0 {
                    if errno != EINTR { throw .lastCall("lock", at: path) }
                }
                record(verb, in: descriptor)
                return lock
            } abandoned: { lock in
                lock.release()
            }
        } catch  where error.code == .timedOut {
            throw busy(what, path)
        }
    }

    /// The lock, if nobody is in the way; never waits.
    ///
    /// - Parameter verb: nil for a look that leaves no trace.
    /// - Throws: `permission_denied`, `host_failure`.
    public static func attempt(
        _ mode: Mode, at path: FilePath, for verb: String?
    ) throws(StorageError) -> FileLock? {
        let descriptor = try open(path)
        let lock = FileLock(adopting: descriptor)
        while flock(descriptor, mode.operation | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK: return nil
            default: throw .lastCall("lock", at: path)
            }
        }
        if let verb { record(verb, in: descriptor) }
        return lock
    }

    private static func open(_ path: FilePath) throws(StorageError) -> Int32 {
        while true {
            let descriptor = unsafe Glibc.open(path.string, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw .lastCall("open the lock", at: path) }
        }
    }

    /// Leaves `PID VERB` in the file; that it fails changes nothing but a message.
    private static func record(_ verb: String, in descriptor: Int32) {
        let line = Array("\(getpid()) \(verb)\n".utf8)
        _ = unsafe line.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        ftruncate(descriptor, line.count)
    }

    private static func busy(_ what: String, _ path: FilePath) -> StorageError {
        StorageError(.busy, "\(what) is in use\(holder(path)); try again, or wait longer with --timeout")
    }

    /// " by 'refresh' (process 123)", as the last one that got the lock wrote it.
    private static func holder(_ path: FilePath) -> String {
        guard let bytes = try? LocalFile(path).read(limit: 4096) else { return "" }  // the message does without it
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let process = Int32(parts[0]) else { return "" }
        return " by '\(String(parts[1].prefix { !$0.isNewline }).printable)' (process \(process))"
    }
}

extension FileLock.Mode {
    fileprivate var operation: Int32 {
        switch self {
        case .shared: LOCK_SH
        case .exclusive: LOCK_EX
        }
    }
}
