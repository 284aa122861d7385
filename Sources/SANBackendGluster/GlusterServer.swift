import SANModel

/// A server that tells clients what a volume is made of (glusterd).
struct GlusterServer: Sendable, Hashable, CustomStringConvertible {
    /// A name or an address, an IPv6 one without brackets.
    var host: String
    /// Nil for Gluster's own, 24007.
    var port: UInt16?

    static let usualPort: UInt16 = 24007

    /// - Throws: `invalid_argument` for what can't be a host's name or address.
    init(_ host: PoolSource.Host) throws(StorageError) {
        var name = host.name
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        let isFit = name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
                || [0x2D, 0x2E, 0x3A, 0x5F, 0x25].contains(byte)
        }
        guard isFit, !name.isEmpty, name.utf8.count <= 253, !name.hasPrefix("-") else {
            throw StorageError(
                .invalidArgument,
                "'\(host.name.printable)' isn't a host's name or address: Gluster servers are reached over TCP, not through a socket file",
                subject: .host(host.name.printable))
        }
        self.host = name
        port = host.port.flatMap { $0 == 0 ? nil : $0 }
    }

    /// `host[:port]`, with brackets around an IPv6 address.
    var description: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port.map { "\(name):\($0)" } ?? name
    }
}
