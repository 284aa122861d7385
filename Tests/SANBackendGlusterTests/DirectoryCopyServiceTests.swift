import SANBackendDirectory
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendGluster

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Volumes of a dir pool that are made from files of a Gluster volume.
@Suite(.timeLimit(.minutes(10))) struct DirectoryCopyServiceTests {
    private let gluster: GlusterFixture
    private let folder: TemporaryFolder
    private let pool: DirectoryPool

    init() async throws {
        gluster = try await GlusterFixture()
        folder = try TemporaryFolder()
        var definition = PoolDefinition(type: .directory, name: "d")
        definition.target = PoolTarget(path: folder.path.string)
        pool = try await DirectoryBackend(host: HostRoot("/"), commands: SubprocessRunner())
            .activate(definition, in: GlusterFixture.context()).value
    }

    @discardableResult
    private func qemu(_ arguments: String..., input: String = "") async throws -> String {
        let output = try await SubprocessRunner().run(
            Command(Tool(name: "qemu-img", package: "qemu-utils"), arguments, input: Array(input.utf8)),
            until: .after(.seconds(120)))
        guard output.status == 0 else { throw StorageError(.hostFailure, output.diagnostics) }
        return String(decoding: output.output, as: UTF8.self)
    }

    private func local(_ name: String) -> String { gluster.local.appending(name).string }

    /// Puts a file of this host on the Gluster volume.
    private func put(_ file: String, as name: String) async throws -> VolumeRequest.Origin {
        let empty = try await gluster.make(name, 0)
        _ = try await gluster.upload(try LocalEnds.read(FilePath(file)), to: empty)
        var volume = try await gluster.pool.inspect(empty, in: GlusterFixture.context())
        // As the engine has it; a header doesn't tell the secret.
        volume.definition.target.encryption?.secrets = [.usage("s")]
        return VolumeRequest.Origin(volume: volume, pool: gluster.pool)
    }

    /// A qcow2 image of two MiB with a pattern in its first.
    private func image(_ options: String = "compat=1.1") async throws -> String {
        try LocalEnds.write(
            LocalEnds.pattern(1 << 20) + [UInt8](repeating: 0, count: 1 << 20), to: FilePath(local("raw")))
        try await qemu("convert", "-f", "raw", "-O", "qcow2", "-o", options, local("raw"), local("image"))
        return local("image")
    }

    private func make(
        _ name: String, _ format: VolumeFormat, _ capacity: ByteCount? = nil, from origin: VolumeRequest.Origin,
        _ change: (inout VolumeDefinition) -> Void = { _ in }
    ) async throws -> Volume {
        var definition = GlusterFixture.definition(name, capacity, format: format)
        change(&definition)
        return try await pool.createVolume(
            VolumeRequest(definition, origin: origin), in: GlusterFixture.context(secrets: OneSecret())
        ).value
    }

    private func bytes(_ name: String) throws -> [UInt8] { try LocalEnds.read(folder.appending(name)) }

    private func refusal(_ body: () async throws -> Volume) async -> StorageError? {
        await #expect(throws: StorageError.self) { _ = try await body() }
    }

    private func names() async throws -> Set<String> {
        Set(try await pool.refresh(in: GlusterFixture.context()).volumes.map(\.name))
    }

    /// A container within a container would be no disk.
    @Test func `An image is copied as it is, and grows, and is converted to what its guest sees`() async throws {
        let origin = try await put(try await image(), as: "web.qcow2")
        let clone = try await make("clone", .qcow2, from: origin)
        #expect(clone.definition.capacity == ByteCount(2 << 20))
        #expect(try bytes("clone") == LocalEnds.read(FilePath(local("image"))))
        let large = try await make("large", .qcow2, ByteCount(4 << 20), from: origin)
        #expect(large.definition.capacity == ByteCount(4 << 20))
        // As qemu-img has it.
        let raw = try await make("disk", .raw, ByteCount(3 << 20), from: origin)
        #expect(raw.definition.capacity == ByteCount(3 << 20))
        let seen = try LocalEnds.read(FilePath(local("raw")))
        #expect(try bytes("disk") == seen + [UInt8](repeating: 0, count: 1 << 20))
        _ = try await make("old", .qcow2, from: origin) { $0.target.compat = "0.10" }
        try await qemu("convert", "-f", "qcow2", "-O", "raw", folder.appending("old").string, local("back"))
        #expect(try LocalEnds.read(FilePath(local("back"))) == seen)
        #expect(try await names() == ["clone", "disk", "large", "old"])
    }

    /// What a guest writes to it is data.
    @Test func `A raw volume is copied as raw, whatever it begins with`() async throws {
        let origin = try await put(try await image(), as: "v")
        var raw = origin
        raw.volume.definition.target.format = .raw
        raw.volume.definition.capacity = raw.volume.definition.physical
        let copy = try await make("copy", .raw, from: raw)
        #expect(copy.definition.target.format == .raw)
        #expect(try bytes("copy") == LocalEnds.read(FilePath(local("image"))))
        // Nobody knows what a file is whose header couldn't be read.
        raw.volume.definition.target.format = nil
        #expect(await refusal { try await make("other", .raw, from: raw) }?.code == .invalidState)
        #expect(try await names() == ["copy"])
    }

    /// A golden image is open for as long as a guest stands on it; what is written to meanwhile has tables and data of different moments.
    @Test func `An image that is open is read, but not where somebody writes to it, or may have`() async throws {
        let origin = try await put(try await image(), as: "image")
        let open = try #require(try await gluster.opened(["image"]).first)
        // Written moments ago: a clock that is ahead would hide what is written now.
        for format in [VolumeFormat.qcow2, .raw] {
            #expect(await refusal { try await make("copy", format, from: origin) }?.code == .busy)
        }
        let (pool, context) = (gluster.pool, GlusterFixture.context())
        let read = try await pool.readSteadily(origin.volume, restingFor: .seconds(-60), in: context) {
            () async throws(StorageError) in 1
        }
        #expect(read == 1)
        let error = await #expect(throws: StorageError.self) {
            try await pool.readSteadily(origin.volume, restingFor: .seconds(-60), in: context) {
                () async throws(StorageError) in
                try await pool.call("a test", context) { _ throws(StorageError) in
                    try open.write(TransferBuffer(count: 1), 0..<1, at: 1 << 20)
                    try open.sync()
                }
            }
        }
        #expect(error?.code == .busy && error?.message.contains("written to while it was read") == true)
        #expect(try await names().isEmpty)
    }

    @Test func `An image of a dir pool isn't copied or converted while it is written to`() async throws {
        let image = try await image()
        let origin = VolumeRequest.Origin(
            volume: try await make("image", .qcow2, from: put(image, as: "image")), pool: pool)
        let file = folder.appending("image")
        let error = await #expect(throws: StorageError.self) {
            try await pool.readSteadily(origin.volume, in: GlusterFixture.context()) { () async throws(StorageError) in
                do {
                    let end = try FileDescriptor.open(file, .writeOnly)
                    try end.closeAfter { _ = try end.writeAll(toAbsoluteOffset: 1 << 16, [1]) }
                } catch {
                    throw StorageError(.hostFailure, "\(error)")
                }
            }
        }
        #expect(error?.code == .busy)
        let lock = try FileDescriptor.open(file, .readWrite)
        defer { try? lock.close() }
        // As QEMU says that it writes (block/file-posix.c).
        var range = flock(
            l_type: Int16(F_RDLCK), l_whence: Int16(SEEK_SET), l_start: 101, l_len: 1, l_pid: 0)
        #expect(fcntl(lock.rawValue, 37, &range) == 0)  // F_OFD_SETLK
        for format in [VolumeFormat.qcow2, .raw] {
            let refused = await #expect(throws: StorageError.self) {
                let request = VolumeRequest(GlusterFixture.definition("torn", nil, format: format), origin: origin)
                _ = try await gluster.pool.createVolume(request, in: GlusterFixture.context())
            }
            #expect(refused?.code == .busy, "\(format)")
        }
        #expect(try await gluster.snapshot().volumes.map(\.name) == ["image"])
    }

    @Test func `An encrypted image is copied as it is, and not converted`() async throws {
        try await qemu(
            "create", "-q", "-f", "luks", "--object", "secret,id=s,file=/dev/stdin", "-o", "key-secret=s,iter-time=10",
            local("luks"), "1M", input: "passphrase")
        let origin = try await put(local("luks"), as: "luks")
        let error = await refusal { try await make("plain", .raw, from: origin) }
        #expect(error?.code == .unsupported && error?.message.contains("is encrypted") == true)
        #expect(await refusal { try await make("plain", .qcow2, from: origin) }?.code == .unsupported)
        let copy = try await make("copy", .raw, from: origin) {
            $0.target.encryption = EncryptionDefinition(format: .luks)
        }
        #expect(copy.definition.target.encryption?.format == .luks)
        #expect(try bytes("copy") == LocalEnds.read(FilePath(local("luks"))))
        #expect(try await names() == ["copy"])
    }

    @Test func `An overlay is refused, and so is a header that the list doesn't know`() async throws {
        let plain = try await image()
        let known = try await put(plain, as: "plain")
        try await qemu("create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", local("overlay"), "1M")
        let overlay = try await put(local("overlay"), as: "overlay")
        var unlisted = overlay
        unlisted.volume.definition.backingStore = nil
        for (origin, format) in [(overlay, VolumeFormat.qcow2), (overlay, .raw), (unlisted, .qcow2), (unlisted, .raw)] {
            let error = await refusal { try await make("leak", format, from: origin) }
            #expect(error?.code == .unsupported && error?.message.contains("stands on a backing file") == true)
        }
        var other = known
        other.volume.definition.target.format = "vmdk"
        #expect(await refusal { try await make("leak", .raw, from: other) }?.code == .invalidState)
        #expect(try await names().isEmpty)
    }
}
