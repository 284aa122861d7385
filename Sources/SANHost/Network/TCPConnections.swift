import Glibc
public import SANModel

/// Knows which portals this host is connected to.
public protocol PortalConnections: Sendable {
    /// Whether somebody on this host has a connection to a portal that the other end has accepted.
    func isEstablished(to portal: Portal) throws(StorageError) -> Bool
}

/// The host's TCP connections, as the kernel lists them: `/proc/net/tcp` and `tcp6`.
public struct TCPConnections: PortalConnections {
    private let host: HostRoot

    /// A line is 150 bytes; a host with more connections than this holds isn't looked at further.
    private static let limit = 64 << 20

    public init(host: HostRoot) {
        self.host = host
    }

    /// Whether somebody on this host has a connection to a portal that the other end has accepted.
    ///
    /// - Returns: also false for a portal with a name instead of an address.
    /// - Throws: `permission_denied`, `host_failure`.
    public func isEstablished(to portal: Portal) throws(StorageError) -> Bool {
        let forms = Self.forms(of: portal).map { Array($0.utf8) }
        let folder = SysfsFolder("/proc/net", on: host)
        for table in ["tcp", "tcp6"] {
            guard let bytes = try folder.bytes(table, limit: Self.limit) else { continue }
            for line in bytes.split(separator: 0x0A).dropFirst() {
                // sl, local address, remote address, state
                let fields = line.split(separator: 0x20, maxSplits: 4)
                guard fields.count > 3, fields[3].elementsEqual(Self.established) else { continue }
                if forms.contains(where: { $0.elementsEqual(fields[2]) }) { return true }
            }
        }
        return false
    }

    /// `TCP_ESTABLISHED` of linux/include/net/tcp_states.h.
    private static let established = Array("01".utf8)

    /// How the kernel writes an address: words as this machine has them, in hexadecimal; `0100630A:0CBC` for 10.99.0.1:3260.
    private static func forms(of portal: Portal) -> [String] {
        let port = hexadecimal(portal.port, digits: 4)
        var four = in_addr()
        if unsafe inet_pton(AF_INET, portal.host, &four) == 1 {
            let word = hexadecimal(four.s_addr, digits: 8)
            // A socket of IPv6 has IPv4 addresses mapped.
            let mapped = hexadecimal(UInt32(0xFFFF).bigEndian, digits: 8)
            return ["\(word):\(port)", "\(String(repeating: "0", count: 16))\(mapped)\(word):\(port)"].map {
                $0.uppercased()
            }
        }
        var six = in6_addr()
        guard unsafe inet_pton(AF_INET6, portal.host, &six) == 1 else { return [] }
        let words = unsafe withUnsafeBytes(of: &six) { bytes in
            (0..<4).map { unsafe bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
        }
        return ["\(words.map { hexadecimal($0, digits: 8) }.joined()):\(port)".uppercased()]
    }
}
