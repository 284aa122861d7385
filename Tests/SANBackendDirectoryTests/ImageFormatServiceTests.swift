import SANEngine
import SANHost
import SANModel
import SystemPackage
import Testing

@testable import SANBackendDirectory
@testable import SANImages

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Images that the real qemu-img has made, against what libvirt 9.0 says of them.
@Suite struct ImageFormatServiceTests {
    @Test(arguments: LibvirtFact.all.indices)
    func `Images are listed as libvirt lists them`(index: Int) async throws {
        let fact = LibvirtFact.all[index]
        let fixture = try await DirectoryFixture()
        let arguments = fact.arguments.map { $0.replacing("@", with: fixture.path(fact.name)) }
        try await run("qemu-img", ["create", "-q"] + arguments)
        let volume = try await fixture.volume(fact.name)
        let definition = volume.definition
        #expect(volume.problems.isEmpty)
        #expect(definition.type == .file)
        #expect(definition.key == fixture.path(fact.name))
        #expect(definition.capacity == fact.capacity)
        #expect(definition.physical == fact.physical)
        #expect(definition.target.format == fact.ours ?? fact.format)
        #expect(definition.target.compat == fact.compat)
        #expect(definition.target.clusterSize == fact.clusterSize)
        #expect(definition.target.features == fact.features)
        #expect(definition.target.encryption?.format == fact.encryption)
        let path = fact.backing.map { BackingName.resolve($0.path, in: fixture.folder.string) }
        #expect(definition.backingStore?.path == path)
        #expect(definition.backingStore?.format == fact.backing?.format)
        let blocks = try await run("stat", ["-c", "%b", fixture.path(fact.name)])
        #expect(definition.allocation?.bytes == UInt64(blocks.dropLast()).map { $0 * 512 })
    }

    @Test(
        arguments: [
            ("raw", 8_388_608), ("qcow2", 8_388_608), ("qcow", 8_388_608), ("qed", 8_388_608), ("vmdk", 8_388_608),
            ("vdi", 8_388_608), ("vpc", 8_390_656),
        ] as [(String, UInt64)])
    func `Formats that qemu-img makes are made`(format: String, capacity: UInt64) async throws {
        let fixture = try await DirectoryFixture()
        let volume = try await fixture.create("v", 8 << 20) {
            $0.allocation = 0
            $0.target.format = VolumeFormat(rawValue: format)
        }
        #expect(volume.definition.target.format?.rawValue == format)
        #expect(volume.definition.capacity == ByteCount(capacity))
        #expect(volume.definition.target.permissions?.mode == 0o600)
        #expect(try fixture.names() == ["v"])
        let info = try await run("qemu-img", ["info", "-f", format, fixture.path("v")])
        #expect(info.contains("file format: \(format)"))
    }

    @Test func `qcow2 is 0.10 unless the document says otherwise`() async throws {
        let fixture = try await DirectoryFixture()
        let old = try await fixture.create("old", 8 << 20) { $0.target.format = .qcow2 }
        #expect(old.definition.target.compat == "0.10")
        let new = try await fixture.create("new", 8 << 20) {
            $0.target.format = .qcow2
            $0.target.clusterSize = 131_072
            $0.target.features = .init(lazyRefcounts: true, extendedL2: true)
        }
        #expect(new.definition.target.compat == "1.1")
        #expect(new.definition.target.clusterSize == 131_072)
        #expect(new.definition.target.features == .init(lazyRefcounts: true, extendedL2: true))
        await expect(.invalidArgument) {
            try await fixture.create("bad", 8 << 20) {
                $0.target.format = .qcow2
                $0.target.compat = "0.10"
                $0.target.features = .init(lazyRefcounts: true)
            }
        }
    }

    @Test(arguments: [nil, 0] as [ByteCount?])
    func `Metadata is preallocated when that is asked for`(allocation: ByteCount?) async throws {
        let fixture = try await DirectoryFixture()
        var definition = VolumeDefinition(name: "v", capacity: 8 << 20)
        definition.target.format = .qcow2
        definition.allocation = allocation
        let volume = try await fixture.pool.createVolume(
            VolumeRequest(definition, preallocatesMetadata: true), in: fixture.context)
        #expect(volume.value.definition.physical == 8_716_288)
        #expect((volume.value.definition.allocation ?? 0 >= 8 << 20) == (allocation == nil))
    }

    @Test func `An overlay takes its capacity from its backing store`() async throws {
        let fixture = try await DirectoryFixture()
        _ = try await fixture.create("base", 9 << 20) { $0.target.format = .qcow2 }
        for path in ["base", fixture.path("base")] {
            let volume = try await fixture.create("over", nil) {
                $0.target.format = .qcow2
                $0.backingStore = BackingStore(path: path, format: .qcow2)
            }
            #expect(volume.definition.capacity == 9 << 20)
            #expect(volume.definition.backingStore?.path == fixture.path("base"))
            #expect(volume.definition.backingStore?.format == .qcow2)
            let info = try await run("qemu-img", ["info", "-f", "qcow2", fixture.path("over")])
            #expect(info.contains("backing file: \(path)\n") || info.contains("backing file: \(path) "))
            _ = try await fixture.pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context)
        }
        await expect(.invalidArgument) {
            try await fixture.create("over", nil) {
                $0.target.format = .qcow2
                $0.backingStore = BackingStore(path: "base", format: "vdi")
            }
        }
        await expect(.notFound) {
            try await fixture.create("over", nil) {
                $0.target.format = .qcow2
                $0.backingStore = BackingStore(path: "nope", format: .raw)
            }
        }
        #expect(try fixture.names() == ["base"])
    }

    @Test(arguments: [VolumeFormat.raw, .qcow2])
    func `Encrypted volumes open with their passphrase`(format: VolumeFormat) async throws {
        var fixture = try await DirectoryFixture()
        fixture.secrets = FixedSecrets(passphrase: "correct horse, battery=staple")
        let volume = try await fixture.create("v", 8 << 20) {
            $0.target.format = format
            var encryption = EncryptionDefinition(format: .luks, secrets: [.usage("v")])
            encryption.cipher = .init(name: "aes", size: 256, mode: "cbc", hash: "sha256")
            encryption.initializationVector = .init(name: "plain64")
            $0.target.encryption = encryption
        }
        #expect(volume.definition.capacity == 8 << 20)
        #expect(volume.definition.target.encryption?.format == .luks)
        #expect(volume.definition.target.format == (format == .raw ? "luks" : .qcow2))
        let driver = format == .raw ? "driver=luks," : "driver=qcow2,encrypt.format=luks,encrypt."
        for (passphrase, status): (String, Int32) in [("correct horse, battery=staple", 0), ("wrong", 1)] {
            let image = "\(driver)key-secret=s,file.filename=\(fixture.path("v"))"
            let output = try await SubprocessRunner().run(
                Command(
                    Tool(name: "qemu-io", package: "qemu-utils"),
                    ["--object", "secret,id=s,file=/dev/stdin", "--image-opts", image, "-c", "read 0 512"],
                    input: Array(passphrase.utf8)), until: .after(.seconds(120)))
            #expect(output.status == status, "\(output.diagnostics)")
        }
    }

    @Test func `qcow2 grows and shrinks`() async throws {
        let fixture = try await DirectoryFixture()
        let volume = try await fixture.create("v", 8 << 20) { $0.target.format = .qcow2 }
        let grown = try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: 16 << 20), in: fixture.context)
        #expect(grown.isChanged)
        #expect(grown.value.definition.capacity == 16 << 20)
        let shrunk = try await fixture.pool.resizeVolume(
            grown.value, to: ResizeRequest(capacity: 4 << 20, allowsShrink: true), in: fixture.context
        ).value
        #expect(shrunk.definition.capacity == 4 << 20)
        #expect(
            try await !fixture.pool.resizeVolume(shrunk, to: ResizeRequest(capacity: 4 << 20), in: fixture.context)
                .isChanged)
        let full = try await fixture.pool.resizeVolume(
            shrunk, to: ResizeRequest(capacity: 6 << 20, allocates: true), in: fixture.context
        ).value
        #expect(full.definition.allocation ?? 0 >= 2 << 20)
        let vdi = try await fixture.create("vdi", 1 << 20) { $0.target.format = "vdi" }
        await expect(.unsupported) {
            try await fixture.pool.resizeVolume(vdi, to: ResizeRequest(capacity: 2 << 20), in: fixture.context)
        }
    }

    @Test func `An image that loses its name while it is resized is resized, and not the one that has the name then`()
        async throws
    {
        let runner = MeddlingRunner()
        let fixture = try await DirectoryFixture(commands: runner)
        let volume = try await fixture.create("v", 1 << 20) { $0.target.format = .qcow2 }
        try await run("qemu-img", ["create", "-q", "-f", "qcow2", fixture.path("other"), "1M"])
        let (name, kept, other) = (fixture.path("v"), fixture.path("kept"), fixture.path("other"))
        let before = try fixture.read("other")
        runner.meddle {
            #expect(rename(name, kept) == 0)
            #expect(rename(other, name) == 0)
        }
        _ = try await fixture.pool.resizeVolume(volume, to: ResizeRequest(capacity: 2 << 20), in: fixture.context)
        #expect(try fixture.read("v") == before)
        #expect(try await fixture.volume("kept").definition.capacity == 2 << 20)
    }

    /// Growing an overlay must neither open what its header names nor let a longer backing file show through.
    @Test func `An overlay grows without its backing file, and reads as zeros there`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("base.raw", [UInt8](repeating: 0xEE, count: 4 << 20))
        try await run(
            "qemu-img", ["create", "-q", "-f", "qcow2", "-u", "-b", "base.raw", "-F", "raw", fixture.path("v"), "1M"])
        let grown = try await fixture.pool.resizeVolume(
            try await fixture.volume("v"), to: ResizeRequest(capacity: 4 << 20), in: fixture.context
        ).value
        #expect(grown.definition.capacity == 4 << 20)
        #expect(grown.definition.backingStore?.path == fixture.path("base.raw"))
        #expect(grown.definition.backingStore?.format == .raw)
        try await run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", fixture.path("v"), fixture.path("out")])
        let bytes = try fixture.read("out")
        #expect(bytes.prefix(1 << 20).allSatisfy { $0 == 0xEE })
        #expect(bytes.dropFirst(1 << 20).allSatisfy { $0 == 0 })
        #expect(try !fixture.names().contains { $0.hasPrefix(Staging.prefix) })
        let create = ["create", "-q", "-f", "qcow2", "-u", "-b", "/nonexistent", "-F", "raw"]
        try await run("qemu-img", create + [fixture.path("lost"), "1M"])
        let lost = try await fixture.pool.resizeVolume(
            try await fixture.volume("lost"), to: ResizeRequest(capacity: 2 << 20), in: fixture.context)
        #expect(lost.value.definition.capacity == 2 << 20)
        // Version 0.10 has no zero clusters, and zeros within a cluster would overwrite what stands behind it.
        try await run("qemu-img", create + ["-o", "compat=0.10", fixture.path("old"), "1M"])
        try await run("qemu-img", create + [fixture.path("odd"), "1000K"])
        for name in ["old", "odd"] {
            let volume = try await fixture.volume(name)
            await expect(.unsupported) {
                try await fixture.pool.resizeVolume(volume, to: ResizeRequest(capacity: 2 << 20), in: fixture.context)
            }
        }
    }

    /// The usual case: an overlay of version 0.10, as long as its base in the same pool, that grows.
    @Test func `An overlay that covers its base grows whatever its version`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("base.raw", [UInt8](repeating: 0xEE, count: 1_000_448))
        _ = try await fixture.create("v", 1_000_448) {
            $0.target.format = .qcow2
            $0.backingStore = BackingStore(path: fixture.path("base.raw"), format: .raw)
        }
        let grown = try await fixture.pool.resizeVolume(
            try await fixture.volume("v"), to: ResizeRequest(capacity: 3 << 20), in: fixture.context
        ).value
        #expect(grown.definition.target.compat == "0.10")
        try await run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", fixture.path("v"), fixture.path("out")])
        let zeros = [UInt8](repeating: 0, count: (3 << 20) - 1_000_448)
        #expect(try fixture.read("out") == [UInt8](repeating: 0xEE, count: 1_000_448) + zeros)
    }

    @Test func `A clone of another format is converted`() async throws {
        let fixture = try await DirectoryFixture()
        let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }
        try fixture.write("raw", bytes)
        var definition = VolumeDefinition(name: "copy", capacity: 2 << 20)
        definition.target.format = .qcow2
        let origin = VolumeRequest.Origin(volume: try await fixture.volume("raw"), pool: fixture.pool)
        let copy = try await fixture.pool.createVolume(VolumeRequest(definition, origin: origin), in: fixture.context)
            .value
        #expect(copy.definition.target.format == .qcow2)
        #expect(copy.definition.capacity == 2 << 20)
        var back = VolumeDefinition(name: "back", capacity: 0)
        back.allocation = 0
        let again = VolumeRequest.Origin(volume: copy, pool: fixture.pool)
        let raw = try await fixture.pool.createVolume(VolumeRequest(back, origin: again), in: fixture.context).value
        #expect(raw.definition.capacity == 2 << 20)
        #expect(try fixture.read("back") == bytes + [UInt8](repeating: 0, count: 1 << 20))
    }

    @Test func `A clone of the same format is a copy, and stands on the same file`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("base", [UInt8](repeating: 3, count: 1 << 20))
        try await run(
            "qemu-img", ["create", "-q", "-f", "qcow2", "-u", "-b", "base", "-F", "raw", fixture.path("v"), "1M"])
        let volume = try await fixture.volume("v")
        var definition = volume.definition
        definition.name = "copy"
        let request = VolumeRequest(definition, origin: .init(volume: volume, pool: fixture.pool))
        let copy = try await fixture.pool.createVolume(request, in: fixture.context).value
        #expect(copy.definition.backingStore?.path == fixture.path("base"))
        #expect(try fixture.read("copy") == fixture.read("v"))
        let other = try await DirectoryFixture()
        await expect(.unsupported) { try await other.pool.createVolume(request, in: fixture.context) }
        #expect(try other.names().isEmpty)
    }

    /// CVE-2024-32498, CVE-2024-40767: no conversion opens a file that an image's header names.
    @Test func `Images that name other files aren't converted`() async throws {
        let fixture = try await DirectoryFixture()
        try await run(
            "qemu-img",
            ["create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", fixture.path("backed"), "1M"])
        try await run(
            "qemu-img",
            ["create", "-q", "-f", "qcow2", "-o", "data_file=\(fixture.path("data"))", fixture.path("external"), "1M"])
        for name in ["backed", "external"] {
            let origin = VolumeRequest.Origin(volume: try await fixture.volume(name), pool: fixture.pool)
            await expect(.unsupported) {
                try await fixture.pool.createVolume(
                    VolumeRequest(VolumeDefinition(name: "leak", capacity: 1 << 20), origin: origin),
                    in: fixture.context)
            }
        }
        await expect(.unsupported) {
            try await fixture.pool.resizeVolume(
                try await fixture.volume("external"), to: ResizeRequest(capacity: 2 << 20), in: fixture.context)
        }
        #expect(try fixture.names() == ["backed", "data", "external"])
    }

    /// CVE-2024-32498 once more: a guest changes the header after it was judged, before QEMU opens the image.
    @Test func `A header that changes after it was judged makes QEMU open nothing`() async throws {
        let runner = MeddlingRunner()
        let fixture = try await DirectoryFixture(commands: runner)
        try fixture.write("secret", [UInt8](repeating: 0x53, count: 1 << 20))
        try await run("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "compat=1.1", fixture.path("v"), "1M"])
        try await run("qemu-io", ["-f", "qcow2", "-c", "write -q -P 7 64K 64K", fixture.path("v")])
        try await run(
            "qemu-img",
            [
                "create", "-q", "-f", "qcow2", "-o", "data_file=\(fixture.path("secret")),data_file_raw=on",
                fixture.path("evil"), "1M",
            ])
        try fixture.write("secret", [UInt8](repeating: 0x53, count: 1 << 20))
        let evil = try fixture.read("evil")
        let origin = VolumeRequest.Origin(volume: try await fixture.volume("v"), pool: fixture.pool)
        runner.meddle(with: fixture.path("v"), header: Array(evil.prefix(64 << 10)))
        _ = try await fixture.pool.createVolume(
            VolumeRequest(VolumeDefinition(name: "copy", capacity: 1 << 20), origin: origin), in: fixture.context)
        #expect(try fixture.read("v").prefix(512) == evil.prefix(512))
        var expected = [UInt8](repeating: 0, count: 1 << 20)
        expected.replaceSubrange(64 << 10..<128 << 10, with: repeatElement(7, count: 64 << 10))
        #expect(try fixture.read("copy") == expected)
        #expect(try fixture.names() == ["copy", "evil", "secret", "v"])
    }

    @Test(arguments: ["qcow", "qcow2", "qed", "vdi", "vmdk", "vpc", "parallels"])
    func `Every format that has a header is converted with that header held still`(format: String) async throws {
        let fixture = try await DirectoryFixture()
        let bytes = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }
        try fixture.write("raw", bytes)
        try await run("qemu-img", ["convert", "-f", "raw", "-O", format, fixture.path("raw"), fixture.path("v")])
        let origin = VolumeRequest.Origin(volume: try await fixture.volume("v"), pool: fixture.pool)
        #expect(origin.volume.definition.target.format != .raw)
        let copy = try await fixture.pool.createVolume(
            VolumeRequest(VolumeDefinition(name: "copy", capacity: 0), origin: origin), in: fixture.context)
        #expect(copy.value.definition.capacity.map { $0 >= 3 << 20 } == true)
        #expect(try fixture.read("copy").starts(with: bytes))
    }

    @Test func `An image that QEMU works on is busy`() async throws {
        let fixture = try await DirectoryFixture()
        try await fixture.create("v", 1 << 20) { $0.target.format = .qcow2 }
        let volume = try await fixture.volume("v")
        let runner = SubprocessRunner()
        // qemu-io opens the image, and then waits for this test by reading a pipe.
        let pipe = fixture.temporary.appending("pipe").string
        try #require(mkfifo(pipe, 0o600) == 0)
        async let guest = runner.run(
            Command(
                Tool(name: "qemu-io", package: "qemu-utils"),
                ["-f", "qcow2", "-c", "write -q 0 64K", "-c", "write -q -s \(pipe) 64K 64K", fixture.path("v")]),
            until: .after(.seconds(120)))
        let writer = try await Task.detached { try FileDescriptor.open(FilePath(pipe), .writeOnly) }.value
        await expect(.busy) {
            try await fixture.pool.resizeVolume(volume, to: ResizeRequest(capacity: 2 << 20), in: fixture.context)
        }
        await expect(.busy) {
            try await fixture.pool.createVolume(
                VolumeRequest(
                    VolumeDefinition(name: "copy", capacity: 1 << 20),
                    origin: .init(volume: volume, pool: fixture.pool)),
                in: fixture.context)
        }
        // Its tables and data would be of different moments.
        var same = VolumeDefinition(name: "copy", capacity: 1 << 20)
        same.target.format = .qcow2
        await expect(.busy) {
            try await fixture.pool.createVolume(
                VolumeRequest(same, origin: .init(volume: volume, pool: fixture.pool)), in: fixture.context)
        }
        #expect(try fixture.names() == ["v"])
        try writer.writeAll([1])
        try writer.close()
        _ = try await guest
        let grown = try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: 2 << 20), in: fixture.context)
        #expect(grown.isChanged)
    }

    @Test func `What takes the name of an image that is being converted isn't copied`() async throws {
        let runner = MeddlingRunner()
        let fixture = try await DirectoryFixture(commands: runner)
        for (name, byte) in [("v", 7), ("other", 9)] {
            try await run("qemu-img", ["create", "-q", "-f", "qcow2", fixture.path(name), "1M"])
            try await run("qemu-io", ["-f", "qcow2", "-c", "write -q -P \(byte) 0 64K", fixture.path(name)])
        }
        let origin = VolumeRequest.Origin(volume: try await fixture.volume("v"), pool: fixture.pool)
        let (path, other) = (fixture.path("v"), fixture.path("other"))
        runner.meddle { try #require(rename(other, path) == 0) }
        _ = try await fixture.pool.createVolume(
            VolumeRequest(VolumeDefinition(name: "copy", capacity: 1 << 20), origin: origin), in: fixture.context)
        #expect(try fixture.read("copy").prefix(64 << 10).allSatisfy { $0 == 7 })
    }

    @Test func `A failure of qemu-img leaves nothing behind`() async throws {
        let fixture = try await DirectoryFixture()
        await expect(.hostFailure) { try await fixture.create("v", 1 << 62) { $0.target.format = "vpc" } }
        #expect(try fixture.names().isEmpty)
    }
}
