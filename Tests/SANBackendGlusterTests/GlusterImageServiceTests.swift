import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendGluster

/// Images that the real qemu-img changes on a real Gluster volume.
@Suite(.timeLimit(.minutes(10))) struct GlusterImageServiceTests {
    private let fixture: GlusterFixture
    private static let passphrase = "passphrase"

    init() async throws {
        fixture = try await GlusterFixture()
    }

    @discardableResult
    private func qemu(_ arguments: [String], input: String = "", tool: String = "qemu-img") async throws -> String {
        let output = try await SubprocessRunner().run(
            Command(Tool(name: tool, package: "qemu-utils"), arguments, input: Array(input.utf8)),
            until: .after(.seconds(120)))
        guard output.status == 0 else { throw StorageError(.hostFailure, output.diagnostics) }
        return String(decoding: output.output, as: UTF8.self)
    }

    private func create(
        _ name: String, _ capacity: ByteCount?, _ format: VolumeFormat, from origin: VolumeRequest.Origin? = nil,
        _ change: (inout VolumeDefinition) -> Void = { _ in }
    ) async throws -> Volume {
        var definition = GlusterFixture.definition(name, capacity, allocation: 0, format: format)
        if format == .qcow2 { definition.target.compat = "1.1" }
        change(&definition)
        return try await fixture.pool.createVolume(
            VolumeRequest(definition, origin: origin), in: GlusterFixture.context(secrets: OneSecret())
        ).value
    }

    private func resize(
        _ volume: Volume, to capacity: Int, secrets: any SecretResolving = OneSecret()
    ) async throws -> Volume {
        try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: ByteCount(UInt64(capacity)), allowsShrink: true),
            in: GlusterFixture.context(secrets: secrets)
        ).value
    }

    /// What a guest sees of an image, by a copy of it on this host.
    private func contents(of volume: Volume) async throws -> [UInt8] {
        let copy = fixture.local.appending("image")
        try LocalEnds.write(try await fixture.download(volume), to: copy)
        let raw = fixture.local.appending("raw")
        try await qemu(["convert", "-f", "qcow2", "-O", "raw", copy.string, raw.string])
        return try LocalEnds.read(raw)
    }

    /// A qcow2 volume that begins with these bytes.
    private func image(_ name: String, _ bytes: [UInt8], _ capacity: Int) async throws -> Volume {
        let (raw, image) = (fixture.local.appending("in"), fixture.local.appending("in.qcow2"))
        try LocalEnds.write(bytes, to: raw)
        try await qemu(["resize", "-q", "-f", "raw", raw.string, "\(capacity)"])
        try await qemu(["convert", "-f", "raw", "-O", "qcow2", raw.string, image.string])
        let volume = try await fixture.make(name, 0)
        _ = try await fixture.upload(try LocalEnds.read(image), to: volume)
        return try await fixture.pool.inspect(volume, in: GlusterFixture.context())
    }

    // MARK: Resize

    @Test func `qcow2 grows and shrinks, and keeps its data`() async throws {
        let data = LocalEnds.pattern(1 << 20)
        let volume = try await image("v", data, 8 << 20)
        let grown = try await resize(volume, to: 16 << 20)
        #expect(grown.definition.capacity == ByteCount(16 << 20))
        let same = try await fixture.pool.resizeVolume(
            grown, to: ResizeRequest(capacity: ByteCount(16 << 20)), in: GlusterFixture.context())
        #expect(!same.isChanged)
        let shrunk = try await resize(grown, to: 4 << 20)
        #expect(shrunk.definition.capacity == ByteCount(4 << 20))
        let bytes = try await contents(of: shrunk)
        #expect(bytes.count == 4 << 20 && bytes.prefix(data.count) == data[...])
        #expect(bytes.dropFirst(data.count).allSatisfy { $0 == 0 })
    }

    @Test func `An overlay grows without its backing file, and reads as zeros there`() async throws {
        let base = try await fixture.make("base", ByteCount(4 << 20))
        _ = try await fixture.upload([UInt8](repeating: 0xEE, count: 4 << 20), to: base)
        let volume = try await create("v", ByteCount(1 << 20), .qcow2) {
            $0.backingStore = BackingStore(path: "base", format: .raw)
        }
        let grown = try await resize(volume, to: 2 << 20)
        #expect(grown.definition.capacity == ByteCount(2 << 20))
        #expect(grown.definition.backingStore?.path == "base")
        let copy = fixture.local.appending("image")
        try LocalEnds.write(try await fixture.download(grown), to: copy)
        try LocalEnds.write(try LocalEnds.read(fixture.onBrick("base")), to: fixture.local.appending("base"))
        let raw = fixture.local.appending("raw")
        try await qemu(["convert", "-f", "qcow2", "-O", "raw", copy.string, raw.string])
        let bytes = try LocalEnds.read(raw)
        #expect(bytes.prefix(1 << 20).allSatisfy { $0 == 0xEE } && bytes.dropFirst(1 << 20).allSatisfy { $0 == 0 })
        // A document that was dumped makes another one.
        let second = try await create("w", nil, .qcow2) { $0.backingStore = grown.definition.backingStore }
        #expect(second.definition.backingStore == grown.definition.backingStore)
        #expect(second.definition.capacity == ByteCount(4 << 20))
    }

    /// QEMU takes such a name for a file of the host that it runs on.
    @Test func `An absolute name is no file of the volume: none is made with it, and its overlay grows over zeros`()
        async throws
    {
        try await fixture.make("base", ByteCount(1 << 20))
        let name = "/\(fixture.folder)/base"
        for capacity in [ByteCount(1 << 20), nil] {
            let error = await #expect(throws: StorageError.self) {
                try await create("v", capacity, .qcow2) { $0.backingStore = BackingStore(path: name, format: .raw) }
            }
            #expect(error?.code == .invalidArgument && error?.message.contains("relative") == true)
        }
        let image = fixture.local.appending("in.qcow2")
        try await qemu(["create", "-q", "-f", "qcow2", "-u", "-b", name, "-F", "raw", image.string, "1M"])
        let empty = try await fixture.make("v", 0)
        // In whole sectors, which is all that QEMU reads.
        var header = try LocalEnds.read(image)
        header += [UInt8](repeating: 0, count: (512 - header.count % 512) % 512)
        _ = try await fixture.upload(header, to: empty)
        let volume = try await resize(try await fixture.pool.inspect(empty, in: GlusterFixture.context()), to: 2 << 20)
        // The host's file of that name may be longer than the volume's.
        let (copy, base) = (fixture.local.appending("image"), fixture.local.appending("base"))
        try LocalEnds.write(try LocalEnds.read(fixture.onBrick("v")), to: copy)
        try LocalEnds.write([UInt8](repeating: 0xEE, count: 4 << 20), to: base)
        try await qemu(["rebase", "-f", "qcow2", "-u", "-b", base.string, "-F", "raw", copy.string])
        let raw = fixture.local.appending("raw")
        try await qemu(["convert", "-f", "qcow2", "-O", "raw", copy.string, raw.string])
        let bytes = try LocalEnds.read(raw)
        #expect(bytes.count == 2 << 20 && bytes.prefix(1 << 20).allSatisfy { $0 == 0xEE })
        #expect(bytes.dropFirst(1 << 20).allSatisfy { $0 == 0 })
        // A clone's document repeats what the listing shows.
        let clone = try await create("c", nil, .qcow2, from: .init(volume: volume, pool: fixture.pool)) {
            $0.backingStore = volume.definition.backingStore
        }
        #expect(clone.definition.backingStore?.path == name)
        // Its document shows a file of the host, and isn't taken for one of the volume's when it is given back.
        #expect(volume.definition.backingStore?.path == name)
        let again = await #expect(throws: StorageError.self) {
            try await create("d", nil, .qcow2) { $0.backingStore = volume.definition.backingStore }
        }
        #expect(again?.code == .invalidArgument && again?.message.contains("relative") == true)
    }

    @Test(arguments: [VolumeFormat.raw, .qcow2])
    func `Encrypted volumes are made, resized and told from those with another secret`(
        format: VolumeFormat
    ) async throws {
        var volume = try await create("v", ByteCount(8 << 20), format) {
            var encryption = EncryptionDefinition(format: .luks, secrets: [.usage("x")])
            encryption.cipher = .init(name: "twofish", size: 256, mode: "cbc", hash: "sha256")
            encryption.initializationVector = .init(name: "plain64", hash: "sha256")
            $0.target.encryption = encryption
        }
        #expect(volume.definition.target.format == (format == .raw ? "luks" : .qcow2))
        volume.definition.target.encryption?.secrets = [.usage("x")]
        let grown = try await resize(volume, to: 16 << 20)
        #expect(grown.definition.capacity == ByteCount(16 << 20))
        let copy = fixture.local.appending("image")
        try LocalEnds.write(try await fixture.download(grown), to: copy)
        let driver = format == .raw ? "luks" : "qcow2"
        #expect(try await qemu(["info", "-f", driver, copy.string]).contains("cipher alg: twofish-256"))
        let option =
            format == .raw ? "driver=luks,key-secret=s" : "driver=qcow2,encrypt.format=luks,encrypt.key-secret=s"
        try await qemu(
            [
                "--object", "secret,id=s,file=/dev/stdin", "--image-opts", "\(option),file.filename=\(copy)", "-c",
                "read 15M 1M",
            ], input: Self.passphrase, tool: "qemu-io")
        guard format == .qcow2 else { return }
        let error = await #expect(throws: StorageError.self) {
            try await resize(volume, to: 32 << 20, secrets: OneSecret(passphrase: "other"))
        }
        #expect(error?.code == .authenticationFailed)
    }

    // MARK: Conversion

    @Test func `A raw volume becomes qcow2, and raw again`() async throws {
        let origin = try await fixture.make("a", ByteCount(8 << 20))
        let data = LocalEnds.pattern(1 << 20)
        _ = try await fixture.upload(data, to: origin, at: 2 << 20)
        let source = VolumeRequest.Origin(volume: origin, pool: fixture.pool)
        let image = try await create("b", ByteCount(12 << 20), .qcow2, from: source)
        #expect(image.definition.target.format == .qcow2)
        #expect(image.definition.capacity == ByteCount(12 << 20))
        #expect(image.definition.allocation ?? ByteCount(.max) < ByteCount(4 << 20))
        let raw = try await create("c", nil, .raw, from: .init(volume: image, pool: fixture.pool))
        #expect(raw.definition.target.format == .raw)
        #expect(raw.definition.capacity == ByteCount(12 << 20))
        #expect(raw.definition.allocation ?? ByteCount(.max) < ByteCount(4 << 20))
        var wanted = [UInt8](repeating: 0, count: 12 << 20)
        wanted.replaceSubrange((2 << 20)..<(3 << 20), with: data)
        #expect(try LocalEnds.read(fixture.onBrick("c")) == wanted)
        #expect(try await fixture.snapshot().volumes.map(\.name) == ["a", "b", "c"])
    }

    @Test func `A volume of another pool becomes an encrypted image`() async throws {
        let data = LocalEnds.pattern((1 << 20) + 5)
        let origin = Volume(VolumeDefinition(name: "lun", capacity: ByteCount(UInt64(data.count))))
        let volume = try await create("v", nil, .raw, from: .init(volume: origin, pool: BytesPool(bytes: data))) {
            $0.target.encryption = EncryptionDefinition(format: .luks, secrets: [.usage("x")])
        }
        #expect(volume.definition.target.format == "luks")
        let copy = fixture.local.appending("image")
        try LocalEnds.write(try await fixture.download(volume), to: copy)
        let raw = fixture.local.appending("raw")
        try await qemu(
            [
                "convert", "--object", "secret,id=s,file=/dev/stdin", "--image-opts", "-O", "raw",
                "driver=luks,key-secret=s,file.filename=\(copy)", raw.string,
            ], input: Self.passphrase)
        #expect(try LocalEnds.read(raw).prefix(data.count) == data[...])
        #expect(try await fixture.snapshot().volumes.map(\.name) == ["v"])
    }

    @Test func `A copy that takes longer than the operation's deadline is converted all the same`() async throws {
        let data = LocalEnds.pattern(1 << 20)
        let origin = Volume(VolumeDefinition(name: "lun", capacity: ByteCount(UInt64(data.count))))
        let context = GlusterFixture.context(deadline: .seconds(5))
        var definition = GlusterFixture.definition("v", nil, allocation: 0, format: .qcow2)
        definition.target.compat = "1.1"
        let pool = BytesPool(bytes: data, until: context.deadline)
        let volume = try await fixture.pool.createVolume(
            VolumeRequest(definition, origin: .init(volume: origin, pool: pool)), in: context
        ).value
        #expect(volume.problems.isEmpty)
        #expect(try await contents(of: volume) == data)
        #expect(try await fixture.snapshot().volumes.map(\.name) == ["v"])
    }

    @Test func `What a guest has written to a raw volume is data, also where it looks like an image`() async throws {
        let inner = fixture.local.appending("inner.qcow2")
        try await qemu(["create", "-q", "-f", "qcow2", inner.string, "1M"])
        let bytes = try LocalEnds.read(inner)
        let unit = Volume(VolumeDefinition(name: "lun", capacity: ByteCount(UInt64(bytes.count))))
        let copy = try await create("a", nil, .qcow2, from: .init(volume: unit, pool: BytesPool(bytes: bytes)))
        #expect(try await contents(of: copy).prefix(bytes.count) == bytes[...])
        let file = try await fixture.make("b", ByteCount(UInt64(bytes.count)))
        _ = try await fixture.upload(bytes, to: file)
        let image = try await create("c", nil, .qcow2, from: .init(volume: file, pool: fixture.pool))
        #expect(try await contents(of: image).prefix(bytes.count) == bytes[...])
    }

    @Test func `An overlay isn't converted, and a larger copy of an image is resized`() async throws {
        let overlay = try await create("over", ByteCount(1 << 20), .qcow2) {
            $0.backingStore = BackingStore(path: "base", format: .raw)
        }
        let error = await #expect(throws: StorageError.self) {
            try await create("raw", nil, .raw, from: .init(volume: overlay, pool: fixture.pool))
        }
        #expect(error?.code == .unsupported)
        let image = try await image("a", [1, 2, 3], 1 << 20)
        let larger = try await create("b", ByteCount(2 << 20), .qcow2, from: .init(volume: image, pool: fixture.pool))
        #expect(larger.definition.capacity == ByteCount(2 << 20))
        #expect(try await contents(of: larger).prefix(3) == [1, 2, 3])
        #expect(try await fixture.snapshot().volumes.map(\.name) == ["a", "b", "over"])
    }

    // MARK: Use

    @Test func `What another client has open isn't written, cut or believed`() async throws {
        let raw = try await fixture.make("raw", ByteCount(1 << 20))
        let image = try await create("image", ByteCount(1 << 20), .qcow2)
        var guest = try await fixture.opened(["raw", "image"])
        let attempts: [@Sendable () async throws -> Void] = [
            { _ = try await fixture.upload([1], to: raw) },
            { _ = try await fixture.pool.wipe(raw, .zero, in: GlusterFixture.context()) },
            { _ = try await resize(raw, to: 512) },
            { _ = try await resize(image, to: 2 << 20) },
            // Its header may change before QEMU reads it.
            { _ = try await create("converted", nil, .raw, from: .init(volume: image, pool: fixture.pool)) },
        ]
        for attempt in attempts {
            let error = await #expect(throws: StorageError.self) { try await attempt() }
            #expect(error?.code == .busy)
        }
        #expect(try await resize(raw, to: 2 << 20).definition.capacity == ByteCount(2 << 20))
        #expect(try await fixture.download(raw).count == 2 << 20)
        _ = try await create("copy", nil, .raw, from: .init(volume: raw, pool: fixture.pool))
        #expect(guest.count == 2)
        guest = []
        #expect(try await resize(raw, to: 512).definition.capacity == 512)
    }
}

/// A volume of bytes, as of a LUN.
private struct BytesPool: VolumeData {
    let bytes: [UInt8]
    /// When it gives them at the earliest.
    var until: Deadline?

    func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot { PoolSnapshot() }

    func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> { .unchanged(()) }

    func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        do {
            if let until { try await Task.sleep(until: until.instant, clock: .continuous) }
            try await Task.detached { _ = try sink.descriptor.writeAll(bytes) }.value
        } catch {
            throw StorageError(.hostFailure, "\(error)")
        }
        let count = ByteCount(UInt64(bytes.count))
        return TransferSummary(bytes: count, moved: count)
    }

    func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary { throw StorageError(.unsupported, "It is only read") }

    func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary { throw StorageError(.unsupported, "It is only read") }
}
