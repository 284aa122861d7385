import SANEngine
import SANHost
import SANImages
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

/// Pools on a real Gluster volume: connecting, listing, making, deleting.
@Suite(.timeLimit(.minutes(5))) struct GlusterPoolServiceTests {
    @Test func `The backend is available, with its version`() async {
        let availability = await GlusterFixture.backend.availability()
        #expect(availability.isAvailable)
        #expect(availability.libraryVersion?.first?.isNumber == true)
    }

    // MARK: Connecting

    @Test func `A host tells its volumes`() async throws {
        let fixture = try await GlusterFixture()
        var query = PoolSource()
        query.hosts = [PoolSource.Host(name: fixture.server.address, port: 24007)]
        let sources = try await GlusterFixture.backend.discoverSources(query, in: GlusterFixture.context())
        #expect(sources.map(\.name) == [GlusterFixture.volumeName])
        #expect(sources.first?.directory == "/")
        #expect(sources.first?.hosts == query.hosts)
    }

    @Test func `A host without a server tells nothing`() async throws {
        var query = PoolSource()
        query.hosts = [PoolSource.Host(name: "127.0.0.9")]
        let error = await #expect(throws: StorageError.self) {
            try await GlusterFixture.backend.discoverSources(query, in: GlusterFixture.context())
        }
        #expect(error?.code == .unavailable)
    }

    @Test func `An unknown volume isn't found`() async throws {
        let fixture = try await GlusterFixture()
        let pool = try await GlusterFixture.pool(
            [PoolSource.Host(name: fixture.server.address)], "nope", directory: nil)
        let error = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("'nope'") == true)
    }

    @Test func `An unknown folder isn't found`() async throws {
        let fixture = try await GlusterFixture()
        let pool = try await GlusterFixture.pool(
            [PoolSource.Host(name: fixture.server.address)], GlusterFixture.volumeName, directory: "/nope/deeper")
        let error = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("/nope/deeper") == true)
    }

    @Test func `Where no server answers none is available`() async throws {
        let hosts = ["127.0.0.9", "127.0.0.10"].map { PoolSource.Host(name: $0, port: 1) }
        let pool = try await GlusterFixture.pool(hosts, "vol", directory: nil)
        let error = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(error?.code == .unavailable)
        #expect(error?.causes.count == 2)
        #expect(error?.causes.first?.message.contains("No Gluster server answers on 127.0.0.9:1") == true)
    }

    @Test func `The next server is tried, and URIs stay the first one's`() async throws {
        let fixture = try await GlusterFixture()
        let hosts = [PoolSource.Host(name: "127.0.0.9", port: 1), PoolSource.Host(name: fixture.server.address)]
        let pool = try await GlusterFixture.pool(hosts, GlusterFixture.volumeName, directory: "/" + fixture.folder)
        try await fixture.make("a", 512)
        let snapshot = try await pool.refresh(in: GlusterFixture.context())
        #expect(snapshot.volumes.map(\.path) == ["gluster://127.0.0.9:1/shared/\(fixture.folder)/a"])
    }

    // MARK: Listing

    @Test func `Files, folders and links are volumes`() async throws {
        let fixture = try await GlusterFixture()
        try await fixture.make("raw one", ByteCount(1 << 20), allocation: ByteCount(1 << 20))
        try await fixture.make("empty", 0)
        let image = try await fixture.make("image", 0)
        _ = try await fixture.upload(Self.qcow2Header, to: image)
        _ = try await fixture.pool.createVolume(
            VolumeRequest(GlusterFixture.definition("folder", format: .directory)), in: GlusterFixture.context())
        #expect(symlink("image", fixture.onBrick("link").string) == 0)
        #expect(symlink("nowhere", fixture.onBrick("dangling").string) == 0)
        #expect(mkfifo(fixture.onBrick("pipe").string, 0o600) == 0)
        #expect(creat(fixture.onBrick("\u{1B}x").string, 0o600) >= 0)

        let snapshot = try await fixture.snapshot()
        let (capacity, available) = (try #require(snapshot.capacity), try #require(snapshot.available))
        #expect(capacity > 0 && available <= capacity)
        #expect(snapshot.volumes.map(\.name) == ["\\u{1B}x", "empty", "folder", "image", "link", "raw one"])
        let volumes = Dictionary(uniqueKeysWithValues: snapshot.volumes.map { ($0.name, $0) })
        let raw = try #require(volumes["raw one"])
        #expect(raw.definition.type == .network)
        #expect(raw.key == "gluster://\(fixture.server.address)/shared/\(fixture.folder)/raw%20one")
        #expect(raw.path == raw.key)
        #expect(raw.definition.capacity == ByteCount(1 << 20))
        #expect(raw.definition.allocation == ByteCount(1 << 20))
        #expect(raw.definition.target.format == .raw)
        #expect(raw.definition.target.permissions?.mode == 0o600)
        #expect(raw.definition.target.timestamps?.modification != nil)
        #expect(raw.problems.isEmpty)
        #expect(volumes["empty"]?.definition.capacity == 0)
        #expect(volumes["folder"]?.definition.type == .netdir)
        #expect(volumes["folder"]?.definition.target.format == .directory)
        for name in ["image", "link"] {
            #expect(volumes[name]?.definition.target.format == .qcow2)
            #expect(volumes[name]?.definition.capacity == ByteCount(8 << 20))
            #expect(volumes[name]?.definition.backingStore?.path == "base.raw")
        }
        #expect(volumes["\\u{1B}x"]?.problems.first?.code == .invalidArgument)
        #expect(try await fixture.pool.inspect(raw, in: GlusterFixture.context()) == raw)
    }

    @Test func `Many files are listed, each once`() async throws {
        let fixture = try await GlusterFixture()
        let count = 300
        for index in 0..<count {
            // As a client that was there before: the brick gives each an identity when it is first looked at.
            let file = creat(fixture.onBrick("v\(1000 + index)").string, 0o600)
            #expect(file >= 0 && ftruncate(file, off_t(index * 512)) == 0)
            close(file)
        }
        let snapshot = try await fixture.snapshot()
        #expect(snapshot.volumes.map(\.name) == (0..<count).map { "v\(1000 + $0)" })
        #expect(snapshot.volumes.map(\.definition.capacity) == (0..<count).map { ByteCount(UInt64($0 * 512)) })
        #expect(snapshot.volumes.allSatisfy { $0.problems.isEmpty })
        #expect(Set(snapshot.volumes.compactMap(\.file?.inode)).count == count)
    }

    @Test func `What a killed process has left is removed, and not what another one makes`() async throws {
        let fixture = try await GlusterFixture()
        try await fixture.make("a", 512)
        let (killed, held) = (".a.sanctl-0000000000000001", ".b.sanctl-0000000000000002")
        for name in [killed, held, ".c.sanctl-backup"] { #expect(creat(fixture.onBrick(name).string, 0o600) >= 0) }
        let holder = try await fixture.opened([held])
        try await fixture.pool.call("a test", GlusterFixture.context()) { _ throws(StorageError) in
            for file in holder { try file.lock() }
        }
        #expect(try await fixture.snapshot().volumes.map(\.name) == [".c.sanctl-backup", "a"])
        #expect(access(fixture.onBrick(killed).string, F_OK) != 0)
        #expect(access(fixture.onBrick(held).string, F_OK) == 0)
        withExtendedLifetime(holder) {}
    }

    @Test func `A file that has changed since the last list is read again, and others aren't`() async throws {
        let fixture = try await GlusterFixture()
        for name in ["a", "b", "c"] { try await fixture.make(name, 65_536) }
        var listed = try await fixture.snapshot().volumes
        // What a header can't say: it is seen where the header isn't read.
        for index in listed.indices { listed[index].definition.target.format = "vdi" }
        _ = try await fixture.upload(Self.qcow2Header, to: listed[1])
        _ = try await fixture.pool.deleteVolume(listed[2], deletingSnapshots: false, in: GlusterFixture.context())
        try await fixture.make("c", 65_536)
        var context = GlusterFixture.context()
        let last = listed
        context.lastVolumes = { last }
        // As if the files had been made long before.
        context.lastRefresh = { Timestamp(seconds: .max) }
        let formats = try await fixture.pool.refresh(in: context).volumes.map(\.definition.target.format)
        #expect(formats == ["vdi", .qcow2, .raw])
        context.lastRefresh = { last[0].definition.target.timestamps?.change }
        #expect(try await fixture.pool.refresh(in: context).volumes.first?.definition.target.format == .raw)
    }

    /// A guest could have QEMU open the file that it names as its backing file (0007).
    @Test func `What was listed as raw stays raw at a refresh, and in what is made of it`() async throws {
        let fixture = try await GlusterFixture()
        _ = try await fixture.upload([7], to: try await fixture.make("v", ByteCount(1 << 20)))
        try await fixture.make("empty", 0)
        let listed = try await fixture.snapshot().volumes
        for volume in listed { _ = try await fixture.upload(Self.qcow2Header, to: volume) }
        var context = GlusterFixture.context()
        context.lastVolumes = { listed }
        func volume(_ name: String) async throws -> Volume {
            try #require(try await fixture.pool.refresh(in: context).volumes.first { $0.name == name })
        }
        func requireRaw(_ volume: Volume, _ capacity: Int) {
            #expect(volume.definition.target.format == .raw && volume.definition.backingStore == nil)
            #expect(volume.definition.capacity == ByteCount(UInt64(capacity)))
            #expect(volume.problems.first?.message.contains("qcow2") == true)
        }
        let kept = try await volume("v")
        requireRaw(kept, 1 << 20)
        requireRaw(try await fixture.pool.inspect(kept, in: context), 1 << 20)
        let copy = try await fixture.pool.createVolume(
            VolumeRequest(
                GlusterFixture.definition("copy", ByteCount(1 << 20)), origin: .init(volume: kept, pool: fixture.pool)),
            in: context
        ).value
        requireRaw(copy, 1 << 20)
        #expect(try LocalEnds.read(fixture.onBrick("copy")) == LocalEnds.read(fixture.onBrick("v")))
        let grown = try await fixture.pool.resizeVolume(
            kept, to: ResizeRequest(capacity: ByteCount(2 << 20)), in: context
        ).value
        requireRaw(grown, 2 << 20)
        // As after an upload from the start on.
        var unknown = kept
        unknown.definition.target.format = nil
        #expect(try await fixture.pool.inspect(unknown, in: context).definition.target.format == .qcow2)
        // What had no bytes was nothing yet; and another file that has the name is another one.
        #expect(try await volume("empty").definition.target.format == .qcow2)
        _ = try await fixture.pool.deleteVolume(kept, deletingSnapshots: false, in: context)
        _ = try await fixture.upload(Self.qcow2Header, to: try await fixture.make("v", ByteCount(1 << 20)))
        #expect(try await volume("v").definition.target.format == .qcow2)
    }

    @Test func `A list that is cancelled is none, and the next one is whole`() async throws {
        let fixture = try await GlusterFixture()
        for index in 0..<40 { try await fixture.make("v\(index)", 512) }
        let (pool, reached, gate) = (fixture.pool, Event(), Event())
        let task = Task {
            var context = GlusterFixture.context()
            // It is asked for on the thread that begins the list, which goes on when the caller is back.
            context.lastVolumes = {
                reached.signal()
                gate.wait()
                return []
            }
            return try await pool.refresh(in: context)
        }
        try await withUninterruptedThread(named: "test") { reached.wait() }
        task.cancel()
        let result = await task.result
        gate.signal()
        let error = #expect(throws: StorageError.self) { try result.get() }
        #expect(error?.code == .cancelled)
        let deadline = Deadline.after(.seconds(60))
        var volumes: [Volume]?
        while volumes == nil, !deadline.hasPassed { volumes = try? await fixture.snapshot().volumes }  // asked again
        #expect(volumes?.count == 40)
    }

    /// A qcow2 header of 8 MiB with the backing file `base.raw`.
    private static let qcow2Header: [UInt8] = {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        func put(_ value: UInt64, _ width: Int, at offset: Int) {
            for index in 0..<width {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (width - 1 - index)))
            }
        }
        put(0x5146_49FB, 4, at: 0)
        put(3, 4, at: 4)
        put(200, 8, at: 8)
        put(8, 4, at: 16)
        put(16, 4, at: 20)
        put(8 << 20, 8, at: 24)
        put(104, 4, at: 100)
        bytes.replaceSubrange(200..<208, with: Array("base.raw".utf8))
        return bytes
    }()

    // MARK: Making

    @Test func `Raw volumes are made sparse or allocated`() async throws {
        let fixture = try await GlusterFixture()
        let sparse = try await fixture.make("sparse", ByteCount(1 << 30))
        #expect(sparse.definition.capacity == ByteCount(1 << 30))
        // A block of the brick's file system for what Gluster knows of the file.
        #expect(sparse.definition.allocation ?? 0 <= 8192)
        var definition = GlusterFixture.definition("full", ByteCount(8 << 20))
        definition.target.permissions = Permissions(mode: 0o640, owner: 107, group: 108)
        let full = try await fixture.pool.createVolume(VolumeRequest(definition), in: GlusterFixture.context()).value
        #expect(full.definition.allocation ?? 0 >= ByteCount(8 << 20))
        #expect(full.definition.target.permissions == definition.target.permissions)
        // Nothing is left of their making.
        #expect(try await fixture.snapshot().volumes.map(\.name) == ["full", "sparse"])
        #expect(access(fixture.onBrick(".").string, F_OK) == 0)
    }

    @Test(arguments: ["file", "folder"])
    func `A name that is taken stays what it is`(kind: String) async throws {
        let fixture = try await GlusterFixture()
        let old = try await fixture.make("taken", 4096)
        let definition = GlusterFixture.definition("taken", 512, format: kind == "file" ? .raw : .directory)
        let error = await #expect(throws: StorageError.self) {
            try await fixture.pool.createVolume(VolumeRequest(definition), in: GlusterFixture.context())
        }
        #expect(error?.code == .alreadyExists)
        #expect(try await fixture.snapshot().volumes == [old])
    }

    @Test func `Images are made by qemu-img, and their data stays sparse`() async throws {
        let fixture = try await GlusterFixture()
        var definition = GlusterFixture.definition("disk.qcow2", ByteCount(10 << 30), format: .qcow2)
        definition.target.compat = "1.1"
        let image = try await fixture.pool.createVolume(VolumeRequest(definition), in: GlusterFixture.context()).value
        #expect(image.definition.target.format == .qcow2)
        #expect(image.definition.capacity == ByteCount(10 << 30))
        #expect(image.definition.allocation ?? ByteCount(.max) < ByteCount(1 << 20))
        // QEMU can't read half a sector at the end.
        #expect(image.definition.physical.map { $0.bytes.isMultiple(of: 512) } == true)

        var encrypted = GlusterFixture.definition("secret", ByteCount(1 << 20))
        encrypted.target.encryption = EncryptionDefinition(format: .luks)
        encrypted.target.encryption?.secrets = [.usage("x")]
        let luks = try await fixture.pool.createVolume(
            VolumeRequest(encrypted), in: GlusterFixture.context(secrets: OneSecret())
        ).value
        #expect(luks.definition.target.format == "luks")
        #expect(luks.definition.capacity == ByteCount(1 << 20))
        #expect(try await fixture.snapshot().volumes.map(\.name) == ["disk.qcow2", "secret"])
    }

    @Test func `What a killed process was making is removed, and what another makes isn't`() async throws {
        let fixture = try await GlusterFixture()
        let connection = try await GlusterFixture.backend.connection(of: fixture.pool)
        let source = fixture.pool.source
        let dead = source.path(of: StagingName.make(for: "dead"))
        let staging = try await connection.call("a test", until: .after(.seconds(60))) { volume throws(StorageError) in
            _ = try volume.create(dead)
            return try Staging(for: "living", of: source, on: volume)
        }
        #expect(try await fixture.snapshot().volumes.isEmpty)
        try await connection.call("a test", until: .after(.seconds(60))) { volume throws(StorageError) in
            let error = #expect(throws: StorageError.self) { try volume.status(of: dead) }
            #expect(error?.code == .notFound)
            try staging.publish(as: "living", Permissions(), on: volume)
        }
        #expect(try await fixture.snapshot().volumes.map(\.name) == ["living"])
    }

    @Test func `A cancelled allocation leaves nothing`() async throws {
        let fixture = try await GlusterFixture()
        let pool = fixture.pool
        let plan = try CreationPlan(VolumeRequest(GlusterFixture.definition("new", 8192)))
        let task = Task {
            try await pool.publish("new", plan, GlusterFixture.context()) { staging throws(StorageError) in
                try await pool.allocate(new: 0..<4096, of: staging.file, GlusterFixture.context())
                withUnsafeCurrentTask { $0?.cancel() }
                try await pool.allocate(new: 4096..<8192, of: staging.file, GlusterFixture.context())
            }
        }
        let result = await task.result
        let error = #expect(throws: StorageError.self) { try result.get() }
        #expect(error?.code == .cancelled && error?.causes.isEmpty == true)
        #expect(try LocalFolder(fixture.onBrick("")).names().isEmpty)
        try await fixture.make("new", 512)
    }

    // MARK: Changing

    @Test func `A growth is cut back for a caller that is cancelled, and not where it isn't ours any more`()
        async throws
    {
        let fixture = try await GlusterFixture()
        try await fixture.make("a", 4096)
        let file = try #require(try await fixture.opened(["a"]).first)
        let pool = fixture.pool
        let (name, failure) = ("a", StorageError(.cancelled, "Cancelled"))
        try await pool.setLength(of: file, name, from: 4096, to: 1 << 20, GlusterFixture.context())
        let error = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await pool.cutBack(file, name, from: 1 << 20, to: 4096, after: failure, GlusterFixture.context())
        }.value
        #expect(error == failure)
        #expect(try LocalEnds.read(fixture.onBrick("a")).count == 4096)
        // Somebody else has made it longer.
        try await pool.setLength(of: file, name, from: 4096, to: 1 << 21, GlusterFixture.context())
        let late = await pool.cutBack(file, name, from: 1 << 20, to: 4096, after: failure, GlusterFixture.context())
        #expect(late.code == .cancelled && late.causes.map(\.code) == [.invalidState])
        #expect(late.causes.first?.message.contains("has made it 2097152 since it grew to 1048576") == true)
        #expect(try LocalEnds.read(fixture.onBrick("a")).count == 1 << 21)
    }

    @Test func `Raw volumes grow and shrink, others say that they can't`() async throws {
        let fixture = try await GlusterFixture()
        let volume = try await fixture.make("a", 4096)
        let grown = try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: ByteCount(1 << 20), allocates: true), in: GlusterFixture.context())
        #expect(grown.isChanged && grown.value.definition.capacity == ByteCount(1 << 20))
        #expect(grown.value.definition.allocation ?? 0 >= ByteCount((1 << 20) - 4096))
        let same = try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: ByteCount(1 << 20)), in: GlusterFixture.context())
        #expect(!same.isChanged)
        // It has grown since it was listed.
        for late in [
            ResizeRequest(capacity: 8192), ResizeRequest(capacity: 512, expected: 4096, allowsShrink: true),
        ] {
            let error = await #expect(throws: StorageError.self) {
                _ = try await fixture.pool.resizeVolume(volume, to: late, in: GlusterFixture.context())
            }
            #expect(error?.code == .invalidState)
        }
        let shrunk = try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: 512, allowsShrink: true), in: GlusterFixture.context())
        #expect(shrunk.value.definition.capacity == 512)
        let vdi = try await fixture.pool.createVolume(
            VolumeRequest(GlusterFixture.definition("vdi", ByteCount(8 << 20), format: "vdi")),
            in: GlusterFixture.context()
        ).value
        let error = await #expect(throws: StorageError.self) {
            try await fixture.pool.resizeVolume(
                vdi, to: ResizeRequest(capacity: ByteCount(16 << 20)), in: GlusterFixture.context())
        }
        #expect(error?.code == .unsupported)
    }

    @Test func `Files and empty folders are deleted, once`() async throws {
        let fixture = try await GlusterFixture()
        let file = try await fixture.make("file", 512)
        let folder = try await fixture.pool.createVolume(
            VolumeRequest(GlusterFixture.definition("folder", format: .directory)), in: GlusterFixture.context()
        ).value
        #expect(creat(fixture.onBrick("folder/in it").string, 0o600) >= 0)
        let error = await #expect(throws: StorageError.self) {
            try await fixture.pool.deleteVolume(folder, deletingSnapshots: false, in: GlusterFixture.context())
        }
        #expect(error?.code == .invalidState)
        #expect(unlink(fixture.onBrick("folder/in it").string) == 0)
        for volume in [file, folder] {
            let first = try await fixture.pool.deleteVolume(
                volume, deletingSnapshots: false, in: GlusterFixture.context())
            let second = try await fixture.pool.deleteVolume(
                volume, deletingSnapshots: false, in: GlusterFixture.context())
            #expect(first.isChanged && !second.isChanged)
        }
        #expect(try await fixture.snapshot().volumes.isEmpty)
    }

    /// L01, for files: a name is a label.
    @Test func `Another file of the same name is left alone`() async throws {
        let fixture = try await GlusterFixture()
        let listed = try await fixture.make("a", 4096)
        _ = try await fixture.pool.deleteVolume(listed, deletingSnapshots: false, in: GlusterFixture.context())
        try await fixture.make("a", 4096)
        let context = GlusterFixture.context()
        let attempts: [@Sendable () async throws -> Void] = [
            { _ = try await fixture.pool.deleteVolume(listed, deletingSnapshots: false, in: context) },
            { _ = try await fixture.pool.resizeVolume(listed, to: ResizeRequest(capacity: 1), in: context) },
            { _ = try await fixture.pool.wipe(listed, .zero, in: context) },
            { _ = try await fixture.upload([1], to: listed) },
            { _ = try await fixture.download(listed) },
        ]
        for attempt in attempts {
            let error = await #expect(throws: StorageError.self) { try await attempt() }
            #expect(error?.code == .invalidState)
        }
        #expect(try await fixture.snapshot().volumes.first?.definition.capacity == 4096)
    }
}

extension GlusterBackend {
    fileprivate func connection(of pool: GlusterPool) async throws -> GlusterConnection {
        try await pool.connections.connection(to: pool.source, until: .after(.seconds(60)))
    }
}
