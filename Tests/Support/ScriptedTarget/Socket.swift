import Glibc

/// A descriptor that is closed when the value goes.
struct Socket: ~Copyable, Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// A listening TCP socket on a loopback address and a port of the kernel's choice.
    static func listening(on address: ScriptedTarget.Address) throws(ScriptedTargetError) -> Socket {
        let family = address == .ipv4 ? AF_INET : AF_INET6
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let listener = Socket(try checked("socket", socket(family, type, 0)))
        let bound: Int32
        if address == .ipv4 {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            bound = unsafe listener.withAddress(&name) { unsafe bind($0, $1, $2.pointee) }
        } else {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_addr = in6addr_loopback
            bound = unsafe listener.withAddress(&name) { unsafe bind($0, $1, $2.pointee) }
        }
        _ = try checked("bind", bound)
        _ = try checked("listen", listen(listener.descriptor, SOMAXCONN))
        return listener
    }

    /// The port that the kernel chose.
    func port() throws(ScriptedTargetError) -> UInt16 {
        // The port is at the same place in the addresses of both families.
        var name = sockaddr_in6()
        _ = try Self.checked("getsockname", unsafe withAddress(&name) { unsafe getsockname($0, $1, $2) })
        return UInt16(bigEndian: name.sin6_port)
    }

    /// A connection that waits to be accepted, or nil.
    func accept() -> Socket? {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { return nil }
        let connection = Socket(accepted)
        // Swift's Glibc has no accept4: a child started between the two calls gets a copy of the socket. Therefore
        // connections are ended with calls that don't need the last copy to be closed.
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        connection.set(1, option: TCP_NODELAY, level: Int32(IPPROTO_TCP))
        return connection
    }

    enum Transfer {
        case bytes(Int)
        case wouldBlock
        case ended
    }

    func receive(into buffer: inout [UInt8]) -> Transfer {
        Self.transfer(unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) })
    }

    func send(_ bytes: [UInt8], from start: Int) -> Transfer {
        Self.transfer(
            unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[start...])
                return unsafe Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            })
    }

    /// Sends a FIN; what the peer still sends can be received.
    func finish() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Ends both directions.
    func disconnect() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Sends a RST: connect(2), dissolving an association with AF_UNSPEC.
    func reset() {
        var nobody = sockaddr_in()
        nobody.sin_family = sa_family_t(AF_UNSPEC)
        _ = unsafe withAddress(&nobody) { unsafe connect($0, $1, $2.pointee) }
    }

    private func set<Value: BitwiseCopyable>(_ value: Value, option: Int32, level: Int32) {
        var value = value
        _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size))
    }

    private func withAddress<Name>(
        _ name: inout Name, _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Int32 {
        var length = socklen_t(MemoryLayout<Name>.size)
        return unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call(descriptor, $0, &length) }
        }
    }

    private static func transfer(_ result: Int) -> Transfer {
        if result > 0 { return .bytes(result) }
        return result < 0 && [EAGAIN, EWOULDBLOCK, EINTR].contains(errno) ? .wouldBlock : .ended
    }

    static func checked(_ call: String, _ result: Int32) throws(ScriptedTargetError) -> Int32 {
        guard result >= 0 else { throw .system(call: call, errno: errno) }
        return result
    }
}

/// A pair of sockets that ends a `poll(2)`.
final class Wake: Sendable {
    private let reader: Socket
    private let writer: Socket

    init() throws(ScriptedTargetError) {
        var ends: (Int32, Int32) = (0, 0)
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let result = unsafe withUnsafeMutableBytes(of: &ends) { bytes in
            unsafe bytes.withMemoryRebound(to: Int32.self) { unsafe socketpair(AF_UNIX, type, 0, $0.baseAddress) }
        }
        _ = try Socket.checked("socketpair", result)
        reader = Socket(ends.0)
        writer = Socket(ends.1)
    }

    var descriptor: Int32 { reader.descriptor }

    func signal() {
        var byte: UInt8 = 1
        _ = unsafe write(writer.descriptor, &byte, 1)  // where it is full, the thread wakes anyway
    }

    func clear() {
        var bytes: UInt64 = 0
        while unsafe read(reader.descriptor, &bytes, 8) > 0 {}
    }
}
