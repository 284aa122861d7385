import SANHost

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What libiscsi's sockets need beside `poll(2)`.
extension Poll {
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
}
