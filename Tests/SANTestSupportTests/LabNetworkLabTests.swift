import SANTestSupport
import Testing

@Suite("The lab's dead and silent portals", .timeLimit(.minutes(5)))
struct LabNetworkLabTests {
    private let iqn = "iqn.2013-06.com.example:iscsi-pool"

    /// A login that gives up after a second instead of open-iscsi's two minutes.
    private func login(_ portal: String, _ lab: Lab) async throws -> Int32 {
        try await lab.run("iscsiadm", "-m", "node", "-T", iqn, "-p", portal, "-o", "new")
        for (name, value) in [
            ("node.conn[0].timeo.login_timeout", "1"), ("node.session.initial_login_retry_max", "1"),
        ] {
            try await lab.run(
                "iscsiadm", "-m", "node", "-T", iqn, "-p", portal, "-o", "update", "-n", name, "-v", value)
        }
        return try await lab.attempt("iscsiadm", ["-m", "node", "-T", iqn, "-p", portal, "--login"]).status
    }

    @Test("a portal that is gone refuses, a blackholed and a hung one say nothing, and the restored one works again")
    func portals() async throws {
        try await Lab.run { lab in
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            try await target.addLUN(0)
            let initiator = try await lab.initiator()
            try lab.hungPortal("10.99.0.3")
            try await lab.blackhole("10.99.0.2")
            // ISCSI_ERR_TRANS_TIMEOUT where no connection comes about, ISCSI_ERR_PDU_TIMEOUT where nobody answers on it.
            #expect(try await login("10.99.0.2:3260", lab) == 8)
            #expect(try await login("10.99.0.3:3260", lab) == 11)
            #expect(initiator.sessions.isEmpty)
            try await lab.restore("10.99.0.2")
            #expect(try await login("10.99.0.2:3260", lab) == 0)
            #expect(initiator.sessions.count == 1)
        }
    }

    @Test("a session whose portal is blackholed is in recovery, and well again with the address")
    func blackholedSession() async throws {
        try await Lab.run { lab in
            let target = try await lab.target()
            try await target.addLUN(0)
            let initiator = try await lab.initiator(settings: [
                "node.conn[0].timeo.noop_out_interval": "1", "node.conn[0].timeo.noop_out_timeout": "1",
            ])
            try await initiator.discover()
            try await initiator.logIn(iqn)
            let session = try #require(initiator.sessions.first)
            try await lab.blackhole("10.99.0.1")
            try await lab.wait(for: "the session to fail") { try initiator.state(of: session) == "FAILED" }
            try await lab.restore("10.99.0.1")
            try await lab.wait(for: "the session to be well") { try initiator.state(of: session) == "LOGGED_IN" }
        }
    }
}
