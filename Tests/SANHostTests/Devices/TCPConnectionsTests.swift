import SANModel
import SANTestSupport
import Testing

@testable import SANHost

@Suite struct TCPConnectionsTests {
    private let tree: HostTree

    /// Lines as Linux 6.1 prints them on x86-64.
    init() throws {
        tree = try HostTree()
        try tree.write(
            "/proc/net/tcp",
            """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100630A:0CBC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
               1: 0100630A:A3F4 0100630A:0CBC 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 1 10 -1
               2: 0100630A:A3F6 0200630A:0CBC 02 00000001:00000000 01:000000C8 00000000     0        0 1 2 0 800 0 0 1 7
            """)
        try tree.write(
            "/proc/net/tcp6",
            """
              sl  local_address                         remote_address                        st tx_queue rx_queue
               0: 000099FD000000000000000001000000:B2A2 000099FD000000000000000002000000:0CBC 01 00000000:00000000
               1: 0000000000000000FFFF00000100630A:B2A2 0000000000000000FFFF00000300630A:0CBC 01 00000000:00000000
            """)
    }

    @Test(arguments: [
        ("10.99.0.1", true), ("10.99.0.2", false), ("10.99.0.3", true), ("10.99.0.4", false), ("fd99::2", true),
        ("fd99::1", false), ("san.example.com", false),
    ])
    func acceptedConnectionsAreFound(_ address: String, _ isThere: Bool) throws {
        let connections = TCPConnections(host: tree.host)
        #expect(try connections.isEstablished(to: Portal(host: address, port: 3260)) == isThere)
        #expect(try !connections.isEstablished(to: Portal(host: address, port: 3261)))
    }

    @Test func aHostWithoutTablesHasNone() throws {
        #expect(try !TCPConnections(host: try HostTree().host).isEstablished(to: Portal(host: "10.99.0.1", port: 3260)))
    }
}
