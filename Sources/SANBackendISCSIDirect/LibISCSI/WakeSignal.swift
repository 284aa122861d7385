import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Wakes a thread that sits in `poll(2)`: a pipe that holds a byte while there is something to see.
final class WakeSignal: Sendable {
    private let reading: FileDescriptor
    private let writing: FileDescriptor

    /// - Throws: `host_failure` where there are no more descriptors.
    init() throws(StorageError) {
        do {
            (reading, writing) = try FileDescriptor.pipe(options: [.closeOnExec, .nonBlocking])
        } catch {
            throw StorageError(.hostFailure, "Can't make a pipe: \(error)")
        }
    }

    deinit {
        try? reading.close()  // nothing can be done about it, and nothing depends on it
        try? writing.close()  // the same
    }

    var descriptor: Int32 { reading.rawValue }

    func signal() {
        var byte: UInt8 = 1
        // A full pipe wakes as well as one more byte would.
        _ = unsafe write(writing.rawValue, &byte, 1)
    }

    /// Takes all bytes out.
    func drain() {
        var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        while unsafe read(reading.rawValue, &bytes, 32) == 32 {}
    }
}

/// `poll(2)` on a few descriptors.
enum Poll {
    static let readable = Int16(POLLIN)

    struct Interest {
        var descriptor: Int32
        var events: Int16
    }

    /// Waits for any of them, at most until the deadline.
    ///
    /// - Returns: what happened to each; nothing but zeros at the deadline and after a signal.
    static func wait(_ interests: [Interest], until deadline: Deadline?) -> [Int16] {
        var descriptors = interests.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        let result = unsafe poll(&descriptors, nfds_t(descriptors.count), deadline?.pollMilliseconds ?? -1)
        return result > 0 ? descriptors.map(\.revents) : interests.map { _ in 0 }
    }

    /// Why a socket failed: `SO_ERROR`, which reading clears.
    static func pendingError(of descriptor: Int32) -> Int32 {
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno
    }

    /// Whether a socket has bytes to read now; not so for one that is at its end.
    static func holdsBytes(_ descriptor: Int32) -> Bool {
        var byte: UInt8 = 0
        return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 1
    }

    /// Holds back segments that aren't full, until it is let go (`TCP_CORK`).
    static func cork(_ descriptor: Int32, _ isHeld: Bool) {
        var value: Int32 = isHeld ? 1 : 0
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// How many bytes must be there before a socket counts as readable (`SO_RCVLOWAT`); its end and its errors count at once.
    static func setLowWater(of descriptor: Int32, to bytes: Int) {
        var value = Int32(clamping: bytes)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Keeps programs that this process starts from inheriting a socket: libiscsi makes its own without that (1.19).
    static func closeOnExec(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// Keeps SIGPIPE from ending the process when a peer of this thread's writes is gone; they fail with EPIPE then.
    ///
    /// libiscsi sends data with `writev`, which has no flag for it (1.19).
    static func blockBrokenPipeSignal() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}
