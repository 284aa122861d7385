/// A host and port of a storage server: an IPv4 or IPv6 address or a name; `10.0.0.1:3260`, `[fd00::1]:3260`, `san.example.com`.
public struct Portal: Sendable, Hashable, CustomStringConvertible {
    /// The address or name, an IPv6 address without brackets.
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    public var isIPv6: Bool { host.contains(":") }

    /// `host:port`, with brackets around an IPv6 address (L66).
    public var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// - Throws: `invalid_argument` for an empty host, unbalanced brackets and a port outside 1 to 65535.
    public init(parsing text: String, defaultPort: UInt16) throws(StorageError) {
        let invalid = StorageError(
            .invalidArgument, "'\(text.printable)' isn't a portal: HOST, HOST:PORT, [IPV6] or [IPV6]:PORT is needed")
        var host = text[...]
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw invalid }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw invalid }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "/" || $0 == "[" || $0 == "]" }) else {
            throw invalid
        }
        guard let port else {
            self.init(host: String(host), port: defaultPort)
            return
        }
        guard let number = UInt64(decimal: port), let value = UInt16(exactly: number), value > 0 else { throw invalid }
        self.init(host: String(host), port: value)
    }
}
