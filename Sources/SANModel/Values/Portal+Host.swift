extension Portal {
    /// iSCSI's port where none is given (RFC 7143, 14).
    public static let iscsiPort: UInt16 = 3260

    /// A document's host as an iSCSI portal: port 3260 where it has none or 0; an IPv6 address may have brackets.
    ///
    /// - Throws: `invalid_argument`.
    public init(iscsi host: PoolSource.Host) throws(StorageError) {
        let isBare = host.name.contains(":") && !host.name.hasPrefix("[")
        let parsed = try Portal(parsing: isBare ? "[\(host.name)]" : host.name, defaultPort: Portal.iscsiPort)
        let port = host.port.flatMap { $0 == 0 ? nil : $0 }
        guard parsed.host.printable == parsed.host, parsed.host.utf8.count <= 240, !parsed.host.hasPrefix("-") else {
            throw StorageError(.invalidArgument, "'\(host.name.printable)' isn't a host's name or address")
        }
        self.init(host: parsed.host, port: port ?? parsed.port)
    }
}
