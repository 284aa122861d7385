import SANHost
import SANTestSupport
import SystemPackage
import Testing

/// The main job by the built program, against a real target (tgt).
@Suite struct ISCSIDirectCommandServiceTests {
    private let program: BuiltProgram
    private let target: TgtServer
    private static let iqn = "iqn.2013-06.com.example:iscsi-pool"

    init() throws {
        program = try BuiltProgram()
        target = try TgtServer()
        try target.addTarget(1, Self.iqn)
    }

    private func document(_ name: String, secret: String? = nil) -> String {
        let auth = secret.map { "<auth type='chap' username='myname'><secret usage='\($0)'/></auth>" } ?? ""
        return """
            <pool type='iscsi-direct'>
              <name>\(name)</name>
              <source>
                <host name='\(target.address)' port='\(target.port)'/>
                <device path='\(Self.iqn)'/>
                <initiator><iqn name='iqn.2013-06.com.example:initiator'/></initiator>
                \(auth)
              </source>
            </pool>
            """
    }

    private func define(_ secret: String, password: String) async throws {
        let document = "<secret private='yes'><usage type='iscsi'><target>\(secret)</target></usage></secret>"
        #expect(try await program.run(["secret", "define", "-"], input: document).status == 0)
        try await setPassword(of: secret, to: password)
    }

    private func setPassword(of secret: String, to password: String) async throws {
        let output = try await program.run(["secret", "set-value", "iscsi:\(secret)", "--stdin"], input: password)
        #expect(output.status == 0, "\(output.diagnostics)")
    }

    @Test("discover, define with CHAP, list, upload, download, wipe")
    func mainJob() async throws {
        let file = try target.addLUN(1, of: 1, size: 64 << 20)
        let other = try target.addLUN(2, of: 1, size: 8 << 20)
        try target.addLUN(3, of: 1, size: 3 << 40)
        try target.addAccount(of: 1, user: "myname", password: "a long password")
        try await define("demo", password: "a long password")

        let sources = try await program.run(
            ["pool", "find-sources", "iscsi-direct", "--host", target.address, "--port", "\(target.port)"])
        #expect(sources.text.contains(Self.iqn))
        #expect(
            try await program.run(["pool", "define", "--validate", "-"], input: document("san", secret: "demo"))
                .status == 0)
        let start = try await program.run(["pool", "start", "san"])
        #expect(start.status == 0, "\(start.diagnostics)")

        let list = try await program.run(["volume", "list", "san", "-o", "json"])
        #expect(list.text.contains(#""capacity": 67108864"#))
        #expect(list.text.contains(#""capacity": 3298534883328"#))
        #expect(list.text.contains(#""wwid": "360000000000000000e00000000010001""#))

        let script = try await program.script(
            """
            set -e
            head -c 5000001 /dev/urandom >"$FOLDER/image"
            "$SANCTL" -q volume upload unit:0:0:1 "$FOLDER/image" --pool san --offset 1000003
            "$SANCTL" -q volume download unit:0:0:1 "$FOLDER/back" --pool san --offset 1000003 --length 5000001
            cmp "$FOLDER/image" "$FOLDER/back"
            cmp --bytes=5000001 "$FOLDER/image" "\(file)" 0 1000003
            cp "$FOLDER/image" "\(other)"; truncate -s 8M "\(other)"
            "$SANCTL" -q volume wipe unit:0:0:2 --pool san --yes
            cmp --bytes=$((8 << 20)) "\(other)" /dev/zero
            "$SANCTL" -q pool stop san
            """)
        #expect(script.status == 0, "\(script.text) \(script.diagnostics)")
    }

    @Test("a wrong password, no such target, no server: each is seen as itself")
    func failuresAreSeenAsThemselves() async throws {
        try target.addLUN(1, of: 1, size: 1 << 20)
        try target.addAccount(of: 1, user: "myname", password: "a long password")
        try await define("demo", password: "not that one")
        let refused = try await program.run(["pool", "create", "-"], input: document("san", secret: "demo"))
        #expect(refused.status == 77)
        #expect(!refused.diagnostics.contains("not that one"))
        let without = try await program.run(["pool", "create", "-"], input: document("san"))
        #expect(without.status == 77)
        let missing = document("san", secret: "demo").replacing(Self.iqn, with: Self.iqn + "-not")
        try await setPassword(of: "demo", to: "a long password")
        #expect(try await program.run(["pool", "create", "-"], input: missing).status == 66)
        target.stop()
        #expect(try await program.run(["pool", "create", "-"], input: document("san", secret: "demo")).status == 69)
        #expect(try await program.run(["pool", "list", "--all", "-o", "json"]).text.contains(#""pools": []"#))
    }

    @Test("a target that hangs ends at the deadline; other commands answer, and the pool recovers")
    func aTargetThatHangs() async throws {
        try target.addLUN(1, of: 1, size: 1 << 20)
        #expect(try await program.run(["pool", "define", "-"], input: document("san")).status == 0)
        #expect(try await program.run(["pool", "start", "san"]).status == 0)
        target.pause()
        let hung = Task { try await program.run(["pool", "refresh", "san", "--timeout", "4"]) }
        let list = try await program.run(["volume", "list", "san"])
        #expect(list.status == 0)
        #expect(list.text.contains("unit:0:0:1"))
        #expect(try await program.run(["pool", "info", "san"]).status == 0)
        let end = try await hung.value
        #expect(end.status == 75)
        #expect(end.diagnostics.contains("\(target.port)"))
        #expect(try await program.run(["pool", "list"]).text.contains("degraded"))
        target.resume()
        #expect(try await program.run(["pool", "refresh", "san"]).status == 0)
        #expect(try await program.run(["pool", "list"]).text.contains("running"))
    }

    @Test("L01: a LUN that is another one than was listed isn't written to")
    func anotherLUNIsNotWritten() async throws {
        try target.addLUN(1, of: 1, size: 1 << 20)
        #expect(try await program.run(["pool", "create", "-"], input: document("san")).status == 0)
        try target.removeLUN(1, of: 1)
        let file = try target.addLUN(1, of: 1, size: 1 << 20)
        try target.update(1, of: 1, "scsi_id=another,scsi_sn=another")
        for verb in [["upload", "unit:0:0:1", "/proc/version"], ["wipe", "unit:0:0:1", "--yes"]] {
            let output = try await program.run(["volume"] + verb + ["--pool", "san"])
            #expect(output.status == 78, "\(output.diagnostics)")
        }
        let zero = try await program.script("cmp --bytes=$((1 << 20)) '\(file)' /dev/zero")
        #expect(zero.status == 0)
    }

    @Test("mutual CHAP: the target has to prove itself too")
    func mutualCHAP() async throws {
        try target.addLUN(1, of: 1, size: 1 << 20)
        try target.addAccount(of: 1, user: "myname", password: "a long password")
        try target.addAccount(of: 1, user: "itsname", password: "its own password", isOutgoing: true)
        try await define("demo", password: "a long password")
        let secret = "<secret><usage type='iscsi'><target>demo:mutual</target></usage></secret>"
        #expect(try await program.run(["secret", "define", "-"], input: secret).status == 0)
        // Never quietly one-way because a value is missing.
        let without = try await program.run(["pool", "create", "-"], input: document("san", secret: "demo"))
        #expect(without.status == 66)
        try await setPassword(of: "demo:mutual", to: "itsname:its own password")
        let start = try await program.run(["pool", "create", "-"], input: document("san", secret: "demo"))
        #expect(start.status == 0, "\(start.diagnostics)")
        try await setPassword(of: "demo:mutual", to: "itsname:something else")
        #expect(try await program.run(["pool", "refresh", "san"]).status == 77)
    }
}
