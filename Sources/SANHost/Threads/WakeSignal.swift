import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Wakes a thread that sits in `poll(2)`: a pipe that holds a byte while there is something to see.
package final class WakeSignal: Sendable {
    private let reading: FileDescriptor
    private let writing: FileDescriptor

    /// - Throws: `host_failure` where there are no more descriptors.
    package init() throws(StorageError) {
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

    package var descriptor: Int32 { reading.rawValue }

    package func signal() {
        var byte: UInt8 = 1
        // A full pipe wakes as well as one more byte would.
        _ = unsafe write(writing.rawValue, &byte, 1)
    }

    /// Takes all bytes out.
    package func drain() {
        var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        while unsafe read(reading.rawValue, &bytes, 32) == 32 {}
    }
}

/// `poll(2)` on a few descriptors.
package enum Poll {
    package static let readable = Int16(POLLIN)

    package struct Interest {
        package var descriptor: Int32
        package var events: Int16

        package init(descriptor: Int32, events: Int16) {
            self.descriptor = descriptor
            self.events = events
        }
    }

    /// Waits for any of them, at most until the deadline.
    ///
    /// - Returns: what happened to each; nothing but zeros at the deadline and after a signal.
    package static func wait(_ interests: [Interest], until deadline: Deadline?) -> [Int16] {
        var descriptors = interests.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        let result = unsafe poll(&descriptors, nfds_t(descriptors.count), deadline?.pollMilliseconds ?? -1)
        return result > 0 ? descriptors.map(\.revents) : interests.map { _ in 0 }
    }

    /// Keeps SIGPIPE from ending the process when a peer of this thread's writes is gone; they fail with EPIPE then.
    ///
    /// libiscsi sends data with `writev`, which has no flag for it (1.19).
    package static func blockBrokenPipeSignal() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}
