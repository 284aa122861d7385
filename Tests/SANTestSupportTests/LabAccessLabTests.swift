import SANTestSupport
import SystemPackage
import Testing

@Suite("Who may do what at the lab's iSCSI target", .timeLimit(.minutes(5)))
struct LabAccessLabTests {
    private let iqn = "iqn.2013-06.com.example:iscsi-pool"
    private let device = "/dev/disk/by-path/ip-10.99.0.1:3260-iscsi-iqn.2013-06.com.example:iscsi-pool-lun-"

    private func login(_ lab: Lab, _ settings: [(String, String)] = []) async throws -> Int32 {
        for (name, value) in settings {
            try await lab.run(
                "iscsiadm", "-m", "node", "-T", iqn, "-o", "update", "-n", "node.session.\(name)", "-v", value)
        }
        return try await lab.attempt("iscsiadm", ["-m", "node", "-T", iqn, "--login"]).status
    }

    @Test("discovery and logins ask for CHAP, in both directions")
    func chap() async throws {
        try await Lab.run { lab in
            try await lab.requireDiscoveryCHAP("finder", "finders-secret")
            let target = try await lab.target()
            try target.requireCHAP("user", "a-users-secret", mutual: ("target", "the-targets-own"))
            try await target.addLUN(0)
            let stranger = try await lab.initiator()
            // ISCSI_ERR_LOGIN_AUTH_FAILED
            #expect(try await lab.attempt("iscsiadm", ["-m", "discovery", "-t", "st", "-p", "10.99.0.1"]).status == 24)
            stranger.stop()
            try LabFile.write(
                "/etc/iscsi/iscsid.conf",
                """
                discovery.sendtargets.auth.authmethod = CHAP
                discovery.sendtargets.auth.username = finder
                discovery.sendtargets.auth.password = finders-secret

                """)
            try await stranger.start()
            #expect(try await stranger.discover() == ["10.99.0.1:3260,1 \(iqn)"])
            #expect(try await login(lab) == 24)
            let credentials = [
                ("auth.authmethod", "CHAP"), ("auth.username", "user"), ("auth.password", "a-users-secret"),
                ("auth.username_in", "target"), ("auth.password_in", "not-the-targets"),
            ]
            #expect(try await login(lab, credentials) != 0)
            #expect(stranger.sessions.isEmpty)
            #expect(try await login(lab, [("auth.password_in", "the-targets-own")]) == 0)
        }
    }

    @Test("a target that names its initiators lets in no other, and keeps one from writing to a LUN")
    func accessLists() async throws {
        try await Lab.run { lab in
            let name = "iqn.2013-06.com.example:initiator"
            let target = try await lab.target(iqn, initiators: [name])
            try await target.addLUN(0)
            try await target.addLUN(1, isReadOnly: true)
            let other = try await lab.initiator("iqn.2013-06.com.example:other")
            try await other.discover()
            #expect(try await login(lab) == 24)
            other.stop()
            try LabFile.write("/etc/iscsi/initiatorname.iscsi", "InitiatorName=\(name)\n")
            try await other.start()
            #expect(try await login(lab) == 0)
            try await lab.settle()
            #expect(try await lab.run("blockdev", "--getro", device + "0") == "0\n")
            #expect(try await lab.run("blockdev", "--getro", device + "1") == "1\n")
        }
    }

    @Test("LUNs come, grow and go while a session is there")
    func changes() async throws {
        try await Lab.run { lab in
            let target = try await lab.target()
            let disk = try await target.addLUN(0, size: 32 << 20)
            let initiator = try await lab.initiator()
            try await initiator.discover()
            try await initiator.logIn(iqn)
            try await target.addLUN(7, serial: "0123456789abcdef0123456789abcdef")
            try disk.resize(to: 48 << 20)
            try await initiator.administer("-m", "session", "--rescan")
            try await lab.wait(for: "the new LUN") { LabFile.exists(FilePath(device + "7")) }
            try await lab.wait(for: "the new size") {
                try await lab.run("blockdev", "--getsize64", device + "0") == "\(48 << 20)\n"
            }
            try await lab.settle()
            #expect(LabFile.exists("/dev/disk/by-id/wwn-0x60014050123456789abcdef012345678"))
            try target.removeLUN(7)
            let reading = ["if=\(device)7", "of=/dev/null", "iflag=direct", "count=1"]
            #expect(try await lab.attempt("dd", reading).status != 0)
            #expect(try await lab.attempt("dd", ["if=\(device)0"] + reading.dropFirst()).status == 0)
        }
    }
}
