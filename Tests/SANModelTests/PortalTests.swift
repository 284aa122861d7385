import SANModel
import Testing

/// L66: an IPv6 portal was split at its first colon.
@Suite struct PortalTests {
    @Test(
        arguments: [
            ("10.0.0.1", "10.0.0.1", 3260, "10.0.0.1:3260"), ("10.0.0.1:860", "10.0.0.1", 860, "10.0.0.1:860"),
            ("san.example.com:13260", "san.example.com", 13260, "san.example.com:13260"),
            ("[fd00::1]:3261", "fd00::1", 3261, "[fd00::1]:3261"), ("[::1]", "::1", 3260, "[::1]:3260"),
            ("fd00::1", "fd00::1", 3260, "[fd00::1]:3260"),
        ] as [(String, String, UInt16, String)])
    func parses(text: String, host: String, port: UInt16, printed: String) throws {
        let portal = try Portal(parsing: text, defaultPort: 3260)
        #expect(portal.host == host)
        #expect(portal.port == port)
        #expect(portal.description == printed)
    }

    @Test(arguments: [
        "", ":3260", "host:", "host:0", "host:65536", "host:-1", "[::1", "[::1]3260", "[]:3260", "a b", "host:32 60",
        "h/x",
    ])
    func refuses(text: String) {
        #expect(throws: StorageError.self) { try Portal(parsing: text, defaultPort: 3260) }
    }
}
