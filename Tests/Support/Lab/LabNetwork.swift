import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What can go wrong between initiator and target.
extension Lab {
    private static let void = "sanlab-void"

    /// Makes packets to and from an address of the guest vanish, those of connections that are there too: nothing is refused, nobody answers.
    ///
    /// - Parameter address: 10.99.0.1 to .4.
    public func blackhole(_ address: String) async throws {
        if !LabFile.exists("/sys/class/net/sanlab-void") {
            try await run("ip", "link", "add", Lab.void, "type", "dummy")
            try await run("ip", "address", "add", "10.98.0.1/32", "dev", Lab.void)
            try await run("ip", "link", "set", Lab.void, "up")
        }
        atEnd("The address \(address)") { [self] in try await restore(address) }
        try await run("ip", "address", "del", "\(address)/32", "dev", "lo")
        try await run("ip", "route", "add", "\(address)/32", "dev", Lab.void)
    }

    /// Lets packets to an address through again; fine for one that works.
    public func restore(_ address: String) async throws {
        guard try await !run("ip", "route", "show", "\(address)/32").isEmpty else { return }
        try await run("ip", "route", "del", "\(address)/32", "dev", Lab.void)
        try await run("ip", "address", "add", "\(address)/32", "dev", "lo")
    }

    /// A portal that takes connections and never says a word.
    ///
    /// - Parameter address: of the guest, by IPv4.
    public func hungPortal(_ address: String, port: UInt16 = 3260) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw LabFailure("no socket: errno \(errno)") }
        atEnd("The portal \(address):\(port)") { close(descriptor) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &name.sin_addr)
        let isBound = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, listen(descriptor, 128) == 0 else {
            throw LabFailure("\(address):\(port) can't be listened on: errno \(errno)")
        }
    }
}
