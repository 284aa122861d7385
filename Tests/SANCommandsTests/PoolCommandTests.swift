import SANModel
import Testing

@testable import SANCommands

@Suite("pool verbs")
struct PoolCommandTests {
    private static let uuid = "0b8a2c1e-5f5a-4c7e-9b0a-0123456789ab"

    private func lab(_ volumes: [Volume] = [CommandLab.unit(1, capacity: 64 << 20)]) throws -> CommandLab {
        try CommandLab(volumes)
    }

    @Test("define, start, list, stop, undefine: each says what it did, and the second time that it was so")
    func life() async throws {
        let lab = try lab()
        let file = try lab.file("san.xml", CommandLab.pool("san", uuid: Self.uuid))
        let expected = [
            ("pool define \(file)", "Pool san defined.\n"),
            ("pool define \(file)", "Pool san was already defined so.\n"),
            ("pool start san", "Pool san started.\n"), ("pool start \(Self.uuid)", "Pool san was already active.\n"),
            ("pool refresh san", "Pool san refreshed.\n"),
            ("pool autostart san", "Pool san is now marked for autostart.\n"),
            ("pool autostart san", "Pool san was already marked for autostart.\n"),
            ("pool autostart san --disable", "Pool san is now not marked for autostart.\n"),
            ("pool destroy san", "Pool san stopped.\n"), ("pool stop san", "Pool san was already inactive.\n"),
            ("pool undefine san -q", ""),
        ]
        for (line, output) in expected {
            let outcome = try await lab.run(line)
            #expect(outcome.output == output, "\(line)")
            #expect(outcome.errors.isEmpty && outcome.code == 0, "\(line): \(outcome.errors)")
        }
        let gone = try await lab.run("pool info san")
        #expect(gone.code == 66)
        #expect(gone.output.isEmpty && gone.errors.hasPrefix("error: "))
    }

    @Test("list shows active pools unless told otherwise, as virsh does")
    func list() async throws {
        let lab = try lab()
        for name in ["a", "b"] {
            let file = try lab.file("\(name).xml", CommandLab.pool(name, target: "iqn.2013-06.com.example:\(name)"))
            #expect(try await lab.run("pool define \(file)").code == 0)
        }
        #expect(try await lab.run("pool start b").code == 0)
        let header = "NAME STATE   TYPE         AUTOSTART PERSISTENT CAPACITY ALLOCATION AVAILABLE VOLUMES\n"
        let active = "b    running iscsi-direct no        yes             64M        64M        0B       1\n"
        #expect(try await lab.run("pool list").output == header + active)
        #expect(
            try await lab.run("pool list --inactive").output == """
                NAME STATE    TYPE         AUTOSTART PERSISTENT CAPACITY ALLOCATION AVAILABLE VOLUMES
                a    inactive iscsi-direct no        yes               -          -         -       -

                """)
        #expect(try await lab.run("pool list --all").output.split(separator: "\n").count == 3)
        #expect(try await lab.run("pool list --all --type dir,rbd").output.split(separator: "\n").count == 1)
        #expect(try await lab.run("pool list --bytes").output.contains(" 67108864 "))
        #expect(try await lab.run("pool list --transient").output.split(separator: "\n").count == 1)
        #expect(try await lab.run("pool list --all --inactive").code == 64)
    }

    @Test("the pool object has every key of the contract, sorted behind version")
    func json() async throws {
        let lab = try lab()
        let file = try lab.file("san.xml", CommandLab.pool("san", uuid: Self.uuid))
        #expect(
            try await lab.run("pool define \(file) -o json").output == """
                {
                  "version": 1,
                  "changed": true,
                  "pool": {
                    "autostart": false,
                    "name": "san",
                    "persistent": true,
                    "problems": [],
                    "source": {
                      "devices": [
                        "iqn.2013-06.com.example:pool"
                      ],
                      "hosts": [
                        {
                          "name": "10.0.0.1",
                          "port": 3260
                        }
                      ],
                      "initiator": "iqn.2013-06.com.example:initiator"
                    },
                    "state": "inactive",
                    "type": "iscsi-direct",
                    "uuid": "\(Self.uuid)"
                  }
                }

                """)
        let started = try await lab.run("-o json pool start san").output
        for key in [
            "\"capacity\": 67108864", "\"allocation\": 67108864", "\"available\": 0", "\"volumes\": 1",
            "\"refreshed_at\": \"20",
        ] {
            #expect(started.contains(key), "\(key)")
        }
        #expect(try await lab.run("-o json pool start san").output.contains("\"changed\": false"))
        #expect(try await lab.run("-o json pool list").output.hasPrefix("{\n  \"version\": 1,\n  \"pools\": [\n"))
        let xml = try await lab.run("-o json pool dumpxml san").output
        #expect(xml.contains("\"pool\": {") && xml.contains("\"xml\": \"<pool type='iscsi-direct'>\\n"))
    }

    @Test("a document's error names file, line and column; JSON has them as numbers")
    func malformed() async throws {
        let lab = try lab()
        let file = try lab.file("bad.xml", "<pool type='dir'>\n  <name>x</nam>\n</pool>\n")
        let outcome = try await lab.run("pool define \(file)")
        #expect(outcome.code == 65)
        #expect(outcome.errors.hasPrefix("error: \(file):2:"))
        let json = try await lab.run("pool define \(file) -o json")
        #expect(json.code == 65 && json.output.isEmpty)
        #expect(json.errors.contains("\"code\":\"malformed_definition\"") && json.errors.contains("\"line\":2"))
        #expect(json.errors.contains("\"subject\":{\"path\":\"\(file)\"}"))
    }

    @Test("a definition that can't be read is told of in every list, with its place")
    func broken() async throws {
        let lab = try lab()
        let good = try lab.file("good.xml", CommandLab.pool("good"))
        #expect(try await lab.run("pool define \(good)").code == 0)
        _ = try lab.file("etc/storage/bad.xml", "<pool type='dir'>\n  <name>bad</nam>\n</pool>\n")
        let list = try await lab.run("pool list")
        #expect(list.code == 0)
        #expect(list.errors.contains("warning: pool bad: ") && list.errors.contains("2:"))
        #expect(try await lab.run("pool list --all").output.contains("bad  "))
    }

    @Test("start --autostart goes on past a failure, shows every outcome and ends in its exit code")
    func autostart() async throws {
        let lab = try lab()
        let good = try lab.file("good.xml", CommandLab.pool("good"))
        let dir = try lab.file(
            "dir.xml", "<pool type='dir'><name>dir</name><target><path>/nonexistent/x</path></target></pool>")
        for file in [good, dir] { #expect(try await lab.run("pool define \(file)").code == 0) }
        for name in ["good", "dir"] { #expect(try await lab.run("pool autostart \(name)").code == 0) }
        let outcome = try await lab.run("pool start --autostart")
        #expect(outcome.code == 78)
        #expect(outcome.output.contains("good started") && outcome.output.contains("dir  failed"))
        let json = try await lab.run("pool start --autostart -ojson")
        #expect(json.code == 78)
        #expect(json.output.contains("\"changed\": false") && json.output.contains("\"code\": \"unsupported\""))
        #expect(try await lab.run("pool start").code == 64)
        #expect(try await lab.run("pool start x --autostart").code == 64)
    }

    @Test("find-sources: table, JSON, XML, and a <source> document on standard input")
    func findSources() async throws {
        let lab = try lab()
        #expect(
            try await lab.run("pool find-sources iscsi-direct --host 10.0.0.1 --port 3261").output == """
                HOST          DEVICE
                10.0.0.1:3261 iqn.2013-06.com.example:found

                """)
        let source = "<source><host name='fd00::1' port='3260'/></source>"
        let json = try await lab.run("pool find-sources iscsi-direct --source - -o json", input: source).output
        #expect(json.contains("\"sources\": [") && json.contains("\"name\": \"fd00::1\""))
        let xml = try await lab.run("pool find-sources iscsi-direct --host h --output xml").output
        #expect(xml.hasPrefix("<sources>") && xml.contains("iqn.2013-06.com.example:found"))
        #expect(try await lab.run("pool list --output xml").code == 64)
        #expect(try await lab.run("pool find-sources dir").code == 78)
        #expect(try await lab.run("pool find-sources iscsi-direct --username u").code == 64)
    }

    @Test("define-as takes virsh's words and options; --print-xml only prints")
    func defineAs() async throws {
        let lab = try lab()
        let words = try await lab.run("pool define-as images dir - - - - /srv/images --print-xml")
        let options = try await lab.run("pool define-as images dir --target /srv/images --print-xml")
        #expect(words.code == 0 && words.output == options.output)
        #expect(words.output.contains("<path>/srv/images</path>"))
        #expect(try await lab.run("pool list --all").output.split(separator: "\n").count == 1)
        let chap = try await lab.run(
            "pool define-as s iscsi-direct --source-host [fd00::1]:3261 --source-dev iqn.2013-06.com.example:a --source-initiator "
                + "iqn.2013-06.com.example:b --auth-type chap --auth-username u --secret-usage demo --print-xml")
        #expect(chap.output.contains("<host name='fd00::1' port='3261'/>"))
        #expect(
            chap.output.contains("<auth type='chap' username='u'>") && chap.output.contains("<secret usage='demo'/>"))
        let refused = [
            "--adapter-name h --adapter-wwnn 20000000c9831b4b", "--auth-type chap", "--secret-usage x", "--option a=b",
            "--adapter-wwnn 20000000c9831b4b", "--adapter-unique-id 1", "--source-host [::1", "a b c d e f",
        ]
        for options in refused {
            #expect(try await lab.run("pool define-as p scsi \(options) --print-xml").code == 64, "\(options)")
        }
    }

    @Test("capabilities and doctor: what this build can't do is told, and ends in 69 when it was asked for")
    func capabilities() async throws {
        let lab = try lab()
        let all = try await lab.run("pool capabilities -ojson").output
        #expect(all.contains("\"type\": \"rbd\"") && all.contains("\"library_version\": \"1.0\""))
        let one = try await lab.run("pool capabilities iscsi-direct").output
        #expect(one.split(separator: "\n").count == 2 && one.contains("find-sources"))
        let good = try await lab.run("doctor")
        #expect(good.code == 0 && good.output.contains("iscsi-direct ok"))
        let bad = try await lab.run("doctor --for rbd,iscsi-direct -o json")
        #expect(bad.code == 69)
        #expect(bad.output.contains("\"ready\": false") && bad.errors.contains("\"code\":\"unavailable\""))
    }
}
