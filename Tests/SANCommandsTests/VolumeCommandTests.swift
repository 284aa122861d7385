import SANEngine
import SANModel
import SystemPackage
import Testing

@testable import SANCommands

@Suite("volume verbs")
struct VolumeCommandTests {
    private func lab(_ volumes: [Volume]) async throws -> CommandLab {
        let lab = try CommandLab(volumes)
        let file = try lab.file("san.xml", CommandLab.pool("san"))
        #expect(try await lab.run("pool define \(file)").code == 0)
        #expect(try await lab.run("pool start san").code == 0)
        return lab
    }

    private func disk() async throws -> CommandLab {
        try await lab([CommandLab.unit(1, capacity: 64 << 20, wwid: "360000000000000000e00000000010001")])
    }

    @Test("snapshot: list, create, protect, rollback, delete; flatten; what is lost is asked about")
    func snapshots() async throws {
        let lab = try await disk()
        let name = "unit:0:0:1@before"
        #expect(
            try await lab.run("volume snapshot create \(name)").output
                == "Snapshot before of volume unit:0:0:1 created.\n")
        #expect(try await lab.run("volume snapshot protect \(name)").code == 0)
        #expect(
            try await lab.run("volume snapshot list unit:0:0:1").output == """
                NAME   CAPACITY PROTECTED CREATED              CLONES
                before      64M yes       2023-11-14T22:13:20Z pool/clone

                """)
        #expect(
            try await lab.run("-o json volume snapshot list unit:0:0:1").output == """
                {
                  "version": 1,
                  "snapshots": [
                    {
                      "capacity": 67108864,
                      "clones": [
                        "pool/clone"
                      ],
                      "created_at": "2023-11-14T22:13:20Z",
                      "id": 1,
                      "name": "before",
                      "pool": "san",
                      "protected": true,
                      "volume": "unit:0:0:1"
                    }
                  ]
                }

                """)
        #expect(
            try await lab.run("volume snapshot protect \(name)").output
                == "Snapshot before of volume unit:0:0:1 was already protected.\n")
        #expect(try await lab.run("volume snapshot unprotect \(name)").code == 0)
        for verb in ["rollback", "delete"] {
            #expect(try await lab.run("volume snapshot \(verb) \(name)").code == 64)
            #expect(try await lab.run("volume snapshot \(verb) unit:0:0:1 --yes").code == 64)
            #expect(try await lab.run("volume snapshot \(verb) unit:0:0:1@after --yes").code == 66)
        }
        #expect(
            try await lab.run("volume snapshot rollback \(name) --yes").output
                == "Volume unit:0:0:1 rolled back to before.\n")
        #expect(
            try await lab.run("volume snapshot delete \(name) --yes").output
                == "Snapshot before of volume unit:0:0:1 deleted.\n")
        #expect(try await lab.run("volume flatten unit:0:0:1").output == "Volume unit:0:0:1 stood on nothing.\n")
    }

    @Test("trash: list, move, restore, purge; what is still kept, and what fails, is told")
    func trash() async throws {
        let lab = try await disk()
        #expect(try await lab.run("volume trash move unit:0:0:1 --keep-for 7y").code == 64)
        #expect(
            try await lab.run("volume trash move unit:0:0:1 --keep-for 1d").output
                == "Volume unit:0:0:1 moved to the trash of pool san, as id1.\n")
        #expect(try await lab.run("volume info unit:0:0:1").code == 66)
        #expect(try await lab.run("-o json pool info san").output.contains("\"trash\": 1,"))
        #expect(
            try await lab.run("volume trash list san").output == """
                ID  NAME       CAPACITY DELETED              KEPT-UNTIL           SOURCE
                id1 unit:0:0:1      64M 2023-11-14T22:13:20Z 2023-11-15T22:13:20Z user

                """)
        #expect(
            try await lab.run("-o json volume trash list san").output == """
                {
                  "version": 1,
                  "pool": "san",
                  "trash": [
                    {
                      "capacity": 67108864,
                      "deleted_at": "2023-11-14T22:13:20Z",
                      "id": "id1",
                      "kept_until": "2023-11-15T22:13:20Z",
                      "name": "unit:0:0:1",
                      "pool": "san",
                      "source": "user"
                    }
                  ]
                }

                """)
        #expect(try await lab.run("volume trash restore san nothing").code == 66)
        #expect(
            try await lab.run("volume trash restore san unit:0:0:1").output == "Volume unit:0:0:1 restored.\n")
        #expect(try await lab.run("volume trash move unit:0:0:1").code == 0)
        #expect(try await lab.run("volume trash purge san").code == 64)
        lab.storage.state.withLock { $0.failure = StorageError(.busy, "It has snapshots") }
        let failed = try await lab.run("-o json volume trash purge san --yes")
        #expect(failed.code == 75 && failed.output.contains("It has snapshots"))
        #expect(try await lab.run("volume trash purge san --yes").errors == "error: It has snapshots\n", "told once")
        lab.storage.state.withLock { $0.failure = nil }
        #expect(
            try await lab.run("volume trash purge san --yes").output == "1 volume purged from the trash of pool san.\n")
        #expect(try await lab.run("-o json pool info san").output.contains("\"trash\": 0,"))
    }

    @Test("what a new image is made of, by options; what Ceph would refuse is a mistake of the command line")
    func imageOptions() async throws {
        let lab = try await disk()
        let create = "volume create-as san v 20G --print-xml"
        let printed = try await lab.run(
            "\(create) --object-size 8M --stripe-unit 64K --stripe-count 4 --data-pool ec --features fast-diff,object-map,exclusive-lock --metadata owner=a=b"
        ).output
        for line in [
            "<volume xmlns:sanctl='urn:sanctl:volume:image:1.0'>", "<sanctl:object size='8388608'/>",
            "<sanctl:stripe unit='65536' count='4'/>", "<sanctl:data pool='ec'/>", "<sanctl:feature name='fast-diff'/>",
            "<sanctl:metadata name='owner' value='a=b'/>",
        ] {
            #expect(printed.contains(line))
        }
        #expect(try await !lab.run(create).output.contains("sanctl"))
        for mistake in [
            "--object-size 5M", "--stripe-unit 64K", "--stripe-unit 3K --stripe-count 2", "--features nothing",
            "--features fast-diff", "--metadata novalue",
        ] {
            #expect(try await lab.run("\(create) \(mistake)").code == 64, "\(mistake)")
        }
    }

    @Test("list: table, details, bytes; sorted the way people count")
    func list() async throws {
        let lab = try await lab([CommandLab.unit(10, capacity: 3 << 40), CommandLab.unit(2, capacity: 1536 << 20)])
        let path = "ip-10.0.0.1:3260-iscsi-iqn.2013-06.com.example:pool-lun-"
        #expect(
            try await lab.run("volume list san").output == """
                NAME        CAPACITY ALLOCATION FORMAT PATH
                unit:0:0:2      1.5G       1.5G raw    \(path)2
                unit:0:0:10       3T         3T raw    \(path)10

                """)
        #expect(
            try await lab.run("volume list san --details --bytes").output == """
                NAME        TYPE         CAPACITY    ALLOCATION FORMAT LUN DEVTYPE VENDOR MODEL        REV  TRAN  PATH
                unit:0:0:2  network    1610612736    1610612736 raw      2 disk    IET    VIRTUAL-DISK 0001 iscsi \(path)2
                unit:0:0:10 network 3298534883328 3298534883328 raw     10 disk    IET    VIRTUAL-DISK 0001 iscsi \(path)10

                """)
    }

    @Test("the volume object has the keys of the contract")
    func json() async throws {
        let lab = try await disk()
        let path = "ip-10.0.0.1:3260-iscsi-iqn.2013-06.com.example:pool-lun-1"
        #expect(
            try await lab.run("-o json volume list san").output == """
                {
                  "version": 1,
                  "pool": "san",
                  "problems": [],
                  "volumes": [
                    {
                      "allocation": 67108864,
                      "block_size": 512,
                      "capacity": 67108864,
                      "device_type": "disk",
                      "format": "raw",
                      "key": "\(path)",
                      "lun": 1,
                      "name": "unit:0:0:1",
                      "path": "\(path)",
                      "paths": [
                        {
                          "portal": "10.0.0.1:3260",
                          "state": "active"
                        }
                      ],
                      "pool": "san",
                      "problems": [],
                      "product": "VIRTUAL-DISK",
                      "revision": "0001",
                      "transport": "iscsi",
                      "type": "network",
                      "vendor": "IET",
                      "wwid": "360000000000000000e00000000010001"
                    }
                  ]
                }

                """)
    }

    @Test("info, path, key, name, pool, dumpxml, attach-info")
    func one() async throws {
        let lab = try await disk()
        let path = "ip-10.0.0.1:3260-iscsi-iqn.2013-06.com.example:pool-lun-1"
        let info = try await lab.run("volume info unit:0:0:1").output
        #expect(info.contains("Name:") && info.contains("Capacity:    64M\n") && info.contains("WWID:        3600000"))
        #expect(try await lab.run("volume path unit:0:0:1").output == path + "\n")
        #expect(try await lab.run(["volume", "name", path]).output == "unit:0:0:1\n")
        #expect(try await lab.run("volume key unit:0:0:1 --pool san").output == path + "\n")
        #expect(try await lab.run("volume pool unit:0:0:1").output == "san\n")
        #expect(
            try await lab.run("volume pool unit:0:0:1 -ojson").output
                == "{\n  \"version\": 1,\n  \"pool\": \"san\"\n}\n")
        #expect(
            try await lab.run("volume dumpxml unit:0:0:1").output.contains("<capacity unit='bytes'>67108864</capacity>")
        )
        #expect(
            try await lab.run("volume attach-info unit:0:0:1 --for uri").output
                == "iscsi://10.0.0.1:3260/iqn.2013-06.com.example:pool/1\n")
        #expect(try await lab.run("volume attach-info unit:0:0:1 --for path").code == 78)
        #expect(try await lab.run("volume attach-info unit:0:0:1").code == 64)
        #expect(try await lab.run("volume info nope").code == 66)
    }

    @Test("hostile text of a target and a volume's name doesn't reach the terminal raw, and isn't lost in JSON")
    func hostile() async throws {
        let evil = "EVIL\u{1B}]0;x\u{7}\u{9B}2J\n\u{202E}"
        var volume = CommandLab.unit(1, capacity: 1 << 20, product: evil)
        volume.definition.name = "unit:0:0:1\u{1B}[2J"
        volume.problems = [Problem(code: .backendFailure, message: "Sense \u{1B}[31m")]
        let lab = try await lab([volume])
        let table = try await lab.run("volume list san --details", terminal: true)
        #expect(table.output.contains(#"EVIL\u{1B}]0;x\u{07}\u{009B}2J\n\u{202E}"#))
        let info = try await lab.run(["volume", "info", volume.name], terminal: true)
        let path = try await lab.run(["volume", "name", volume.name], terminal: true)
        for text in [table.output, table.errors, info.output, info.errors, path.output] {
            #expect(!text.unicodeScalars.contains { $0.actsOnTerminals && $0 != "\n" })
        }
        let json = try await lab.run("volume list san -o json").output
        #expect(json.contains(#""product": "EVIL\u001b]0;x\u0007\u009b2J\n\u202e""#))
        // A script gets the name as it is.
        #expect(try await lab.run(["volume", "name", volume.name]).output == volume.name + "\n")
    }

    @Test("L11: a bad LUN is a warning below the good ones")
    func problems() async throws {
        var bad = CommandLab.unit(2, capacity: 0)
        bad.problems = [Problem(code: .backendFailure, message: "The LUN isn't ready")]
        let lab = try await lab([CommandLab.unit(1, capacity: 1 << 20), bad])
        let outcome = try await lab.run("volume list san")
        #expect(outcome.code == 0 && outcome.output.split(separator: "\n").count == 3)
        #expect(outcome.errors == "warning: volume unit:0:0:2: The LUN isn't ready\n")
        let json = try await lab.run("volume list san -ojson")
        #expect(json.errors.isEmpty && json.output.contains("\"message\": \"The LUN isn't ready\""))
    }

    @Test("upload and download; the file is made 0600, - is a stream and has nothing else in it")
    func transfers() async throws {
        let lab = try await disk()
        let source = try lab.file("source", "some bytes")
        let up = try await lab.run("volume upload unit:0:0:1 \(source)")
        #expect(up.output == "Uploaded 10B to volume unit:0:0:1.\n" && up.errors.isEmpty)
        let target = lab.folder.appending("target").string
        let down = try await lab.run("volume download unit:0:0:1 \(target) -o json")
        #expect(down.output.contains("\"bytes\": 10") && down.output.contains("\"moved\": 10"))
        #expect(try lab.read(target) == "some bytes")
        #expect(try LocalFileMode.of(target) == 0o600)
        #expect(try await lab.run("volume upload unit:0:0:1 -", input: "from a stream").code == 0)
        #expect(lab.storage.state.withLock { $0.contents["unit:0:0:1"] } == Array("from a stream".utf8))
    }

    @Test("a volume that isn't there doesn't cost the user the file; a failed download says what it left")
    func failedDownload() async throws {
        let lab = try await disk()
        let target = try lab.file("target", "precious")
        #expect(try await lab.run("volume download nope \(target)").code == 66)
        #expect(try lab.read(target) == "precious")
        lab.storage.state.withLock { state in
            state.contents["unit:0:0:1"] = Array("12345678".utf8)
            state.failure = StorageError(.backendFailure, "The target is gone")
        }
        let outcome = try await lab.run("volume download unit:0:0:1 \(target)")
        #expect(outcome.code == 70)
        #expect(outcome.errors.contains("caused by: \(target) holds the first 8 bytes only\n"))
        #expect(try lab.read(target) == "12345678")
        lab.storage.state.withLock { $0.contents["unit:0:0:1"] = [] }
        let begun = try lab.file("begun", "")
        #expect(try await lab.run("volume download unit:0:0:1 \(begun)").errors.contains("\(begun) is empty\n"))
        #expect(try await lab.run("volume upload unit:0:0:1 /nonexistent").code == 66)
        #expect(try await lab.run("volume upload unit:0:0:1 \(lab.folder.path)").code == 64)
    }

    @Test("a download that can't begin leaves the file as it was")
    func refusedDownload() async throws {
        let lab = try await disk()
        let target = try lab.file("target", "precious")
        lab.storage.state.withLock { $0.contents["unit:0:0:1"] = Array("12345678".utf8) }
        let far = try await lab.run("volume download unit:0:0:1 \(target) --offset 1M --length 64M")
        #expect(far.code == 64 && far.errors.contains("caused by: \(target) is as it was\n"), "\(far.errors)")
        lab.storage.state.withLock { $0.refusal = StorageError(.invalidState, "It is another LUN now") }
        #expect(try await lab.run("volume download unit:0:0:1 \(target)").code == 78)
        #expect(try lab.read(target) == "precious")
        lab.storage.state.withLock { $0.refusal = nil }
        #expect(try await lab.run("volume download unit:0:0:1 \(target)").code == 0)
        #expect(try lab.read(target) == "12345678")
    }

    @Test("a device that is no disk has no capacity, but for its document")
    func noDisk() async throws {
        var controller = CommandLab.unit(0, capacity: 0)
        controller.unit?.deviceType = .controller
        let lab = try await lab([controller])
        let table = try await lab.run("volume list san")
        let words = table.output.split(separator: "\n").last?.split(separator: " ").prefix(3)
        #expect(words == ["unit:0:0:0", "-", "-"], "\(table.output)")
        for verb in ["list san", "info unit:0:0:0"] {
            #expect(try await !lab.run("volume \(verb) -o json").output.contains("\"capacity\""))
            #expect(try await !lab.run("volume \(verb)").output.contains("0B"))
        }
        #expect(
            try await lab.run("volume dumpxml unit:0:0:0").output.contains("<capacity unit='bytes'>0</capacity>"))
    }

    @Test(
        "a name that no document can hold is refused, not changed", arguments: ["a\u{1B}b", "a\u{7F}", "bad\u{FFFD}"])
    func unwritableName(name: String) async throws {
        let lab = try await disk()
        for arguments in [
            ["volume", "create-as", "san", name, "1M"], ["pool", "define-as", name, "dir", "--target", "/d"],
        ] {
            let outcome = try await lab.run(arguments)
            #expect(outcome.code == 64 && outcome.errors.contains("choose another name"), "\(outcome.errors)")
        }
    }

    @Test("progress: JSON lines on standard error, a bar on a terminal, nothing otherwise")
    func progress() async throws {
        let lab = try await disk()
        let source = try lab.file("source", "12345678")
        let json = try await lab.run("volume upload unit:0:0:1 \(source) --progress json -q")
        #expect(json.output.isEmpty)
        #expect(
            json.errors.split(separator: "\n") == [
                #"{"version":1,"done":4,"total":8}"#, #"{"version":1,"done":8,"total":8}"#,
            ])
        let bar = try await lab.run("volume upload unit:0:0:1 \(source)", terminal: true)
        #expect(bar.errors.contains("Uploading [##############################] 100% 8B of 8B, "))
        #expect(bar.errors.hasSuffix("\n"))
        for options in ["", " --progress none"] {
            #expect(try await lab.run("volume upload unit:0:0:1 \(source)\(options)").errors.isEmpty)
        }
        #expect(try await lab.run("volume upload unit:0:0:1 \(source) -q", terminal: true).errors.isEmpty)
    }

    @Test("cancelling ends a transfer with what is safe and exit code 130", .timeLimit(.minutes(2)))
    func cancelled() async throws {
        let lab = try await disk()
        lab.storage.state.withLock { $0.isStuck = true }
        let errors = MemorySink()
        let file = try FileDescriptor.open(FilePath(try lab.file("source", "12345678")), .readOnly)
        defer { try? file.close() }  // it was only read
        let console = lab.console(input: file, errors: errors)
        let work = Task { await lab.run(["volume", "upload", "unit:0:0:1", "-", "--progress", "json"], on: console) }
        await errors.waitFor(#""done":4"#)
        work.cancel()
        #expect(await work.value == 130)
        // The backend knows how many they are.
        #expect(errors.text.contains("Cancelled; the first 4 bytes are safe\n"))
        #expect(errors.text.components(separatedBy: " safe").count == 2)
    }

    @Test("a wipe that is cancelled says that the volume isn't wiped, not that bytes are safe", .timeLimit(.minutes(2)))
    func cancelledWipe() async throws {
        let lab = try await disk()
        lab.storage.state.withLock { $0.isStuck = true }
        let errors = MemorySink()
        let console = lab.console(input: .standardInput, errors: errors)
        let work = Task { await lab.run(["volume", "wipe", "unit:0:0:1", "--yes", "--progress", "json"], on: console) }
        await errors.waitFor(#""done":33554432"#)
        work.cancel()
        #expect(await work.value == 130)
        #expect(errors.text.contains("caused by: The volume isn't wiped: "))
    }

    @Test("a purge of the trash that is cancelled tells what is gone, and how far it was", .timeLimit(.minutes(2)))
    func cancelledPurge() async throws {
        let lab = try await lab([1, 2, 3].map { CommandLab.unit($0, capacity: 64 << 20, wwid: nil) })
        for unit in 1...3 { #expect(try await lab.run("volume trash move unit:0:0:\(unit)").code == 0) }
        lab.storage.state.withLock { $0.stuckEntry = "id2" }
        let (output, errors) = (MemorySink(), MemorySink())
        let console = lab.console(input: .standardInput, output: output, errors: errors)
        let line = ["-o", "json", "volume", "trash", "purge", "san", "--yes", "--progress", "json"]
        let work = Task { await lab.run(line, on: console) }
        await errors.waitFor(#""done":67108864,"total":201326592"#)
        work.cancel()
        #expect(await work.value == 130)
        #expect(output.text.contains("\"id\": \"id1\"") && output.text.contains("\"code\": \"cancelled\""))
        for id in ["id2", "id3"] { #expect(!output.text.contains("\"id\": \"\(id)\"")) }
        #expect(try await lab.run("-o json pool info san").output.contains("\"trash\": 2,"))
        lab.storage.state.withLock { $0.stuckEntry = nil }
        #expect(
            try await lab.run("volume trash purge san --yes").output == "2 volumes purged from the trash of pool san.\n"
        )
    }

    @Test("dumpxml warns where the document can't say that the encryption isn't known")
    func unknownEncryption() async throws {
        var volume = CommandLab.unit(1, capacity: 64 << 20)
        volume.isEncryptionUnknown = true
        volume.problems = [Problem(StorageError(.timedOut, "Its beginning wasn't read"))]
        let lab = try await lab([volume])
        let dumped = try await lab.run("volume dumpxml unit:0:0:1")
        #expect(dumped.code == 0 && !dumped.output.contains("encryption"))
        #expect(dumped.errors.contains("warning: ") && dumped.errors.contains("Its beginning wasn't read"))
    }

    @Test("wipe and delete: --yes without a terminal, a question on one, and no is no")
    func confirmation() async throws {
        let lab = try await disk()
        for verb in ["wipe", "delete"] {
            let outcome = try await lab.run("volume \(verb) unit:0:0:1")
            #expect(outcome.code == 64 && outcome.errors.contains("--yes"), "\(verb)")
            let no = try await lab.run("volume \(verb) unit:0:0:1", input: "n\n", terminal: true)
            #expect(
                no.code == 130 && no.errors.contains("of pool san (64M, 360000000000000000e00000000010001), "),
                "\(verb)")
            #expect(try await lab.run("volume \(verb) unit:0:0:1", input: "", terminal: true).code == 130, "\(verb)")
        }
        #expect(try await lab.run("volume wipe unit:0:0:1 --yes").output == "Wiped 64M of volume unit:0:0:1.\n")
        let asked = try await lab.run("volume wipe unit:0:0:1 --algorithm zero", input: "y\n", terminal: true)
        #expect(asked.code == 0)
        // The fake makes no volumes, so it can't delete any.
        #expect(try await lab.run("volume delete unit:0:0:1 --yes").code == 78)
    }

    @Test("sizes: units as in the XML, and a mistake is a usage error that names it")
    func sizes() async throws {
        let lab = try await disk()
        for (text, bytes) in [("10G", "10737418240"), ("20MB", "20000000"), ("512", "512"), ("1KiB", "1024")] {
            let outcome = try await lab.run("volume create-as san v \(text) --print-xml")
            #expect(outcome.output.contains("<capacity unit='bytes'>\(bytes)</capacity>"), "\(text)")
        }
        for text in ["10Q", "x", "20E", "-1"] {
            #expect(try await lab.run(["volume", "create-as", "san", "v", text]).code == 64, "\(text)")
        }
        #expect(try await lab.run("volume create-as san v 1G").code == 78)
        #expect(try await lab.run("volume resize unit:0:0:1 1G").code == 78)
    }
}
