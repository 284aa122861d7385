extension PoolSource.Host {
    /// Where it is: an IPv6 address may have brackets; the port is 0 where none is said.
    ///
    /// - Throws: `invalid_argument` for what is no host's name or address.
    public func endpoint() throws(StorageError) -> Portal {
        let isBare = name.contains(":") && !name.hasPrefix("[")
        let parsed = try Portal(parsing: isBare ? "[\(name)]" : name, defaultPort: 0)
        // A separator would make several hosts of one.
        guard parsed.host.printable == parsed.host, !parsed.host.contains(where: { ",; ".contains($0) }) else {
            throw StorageError(.invalidArgument, "'\(name.printable)' isn't a host's name or address")
        }
        return Portal(host: parsed.host, port: port ?? parsed.port)
    }
}
