import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendGluster

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Volumes of several bricks, and servers of IPv6.
@Suite(.timeLimit(.minutes(5))) struct GlusterTopologyServiceTests {
    private func upload(_ bytes: [UInt8], to volume: Volume, of pool: GlusterPool) async throws {
        let folder = try TemporaryFolder()
        try LocalEnds.write(bytes, to: folder.appending("source"))
        let end = try LocalEnds.reading(folder.appending("source"))
        defer { try? end.descriptor.close() }  // it was only read
        _ = try await pool.upload(end, to: volume, TransferRequest(), in: GlusterFixture.context())
    }

    private func download(_ volume: Volume, of pool: GlusterPool) async throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let end = try LocalEnds.writing(folder.appending("sink"))
        defer { try? end.descriptor.close() }  // what was written is read again
        _ = try await pool.download(volume, to: end, TransferRequest(), in: GlusterFixture.context())
        return try LocalEnds.read(folder.appending("sink"))
    }

    private func make(_ name: String, _ size: Int, in pool: GlusterPool) async throws -> Volume {
        try await pool.createVolume(
            VolumeRequest(GlusterFixture.definition(name, ByteCount(UInt64(size)), allocation: 0)),
            in: GlusterFixture.context()
        ).value
    }

    @Test func `A replicated volume goes on without one of its bricks, and says which`() async throws {
        let server = try GlusterDaemon()
        try server.addVolume("v", replicas: 3)
        let pool = try await GlusterFixture.pool([PoolSource.Host(name: server.address)], "v", directory: nil)
        let data = LocalEnds.pattern(3 << 20)
        let volume = try await make("a", data.count, in: pool)
        try await upload(data, to: volume, of: pool)
        #expect(try await pool.refresh(in: GlusterFixture.context()).problems.isEmpty)

        try server.killBrick(of: "v", "v.1")
        let snapshot = try await pool.refresh(in: GlusterFixture.context())
        #expect(snapshot.volumes.map(\.name) == ["a"] && snapshot.volumes[0].problems.isEmpty)
        #expect(snapshot.problems.map(\.code) == [.unavailable])
        #expect(snapshot.problems.first?.message.contains("\(server.address):\(server.folder.path)/bricks/v.1") == true)
        #expect(snapshot.problems.first?.message.contains("v.0") == false)
        #expect(try await download(volume, of: pool) == data)
        let other = LocalEnds.pattern(1 << 20)
        let second = try await make("b", other.count, in: pool)
        try await upload(other, to: second, of: pool)
        #expect(try await download(second, of: pool) == other)

        try server.restartBrick(of: "v", "v.1")
        let deadline = Deadline.after(.seconds(60))
        var problems = snapshot.problems
        while !problems.isEmpty, !deadline.hasPassed {
            problems = try await pool.refresh(in: GlusterFixture.context()).problems
        }
        #expect(problems.isEmpty)
    }

    @Test func `While a brick that was away is healed, volumes are shown as they are and written as ever`() async throws
    {
        let server = try GlusterDaemon()
        try server.addVolume("v", replicas: 3)
        let pool = try await GlusterFixture.pool([PoolSource.Host(name: server.address)], "v", directory: nil)
        let brick = server.folder.appending("bricks").appending("v.1")
        let volume = try await make("a", 4096, in: pool)
        try await upload(LocalEnds.pattern(4096), to: volume, of: pool)
        try server.killBrick(of: "v", "v.1")
        // What the brick misses: a new length, a new file, a header that was none.
        var data = LocalEnds.pattern(24 << 20, salt: 7)
        try await upload(data, to: volume, of: pool)
        var definition = GlusterFixture.definition("q", ByteCount(1 << 30), format: .qcow2)
        definition.target.compat = "1.1"
        _ = try await pool.createVolume(VolumeRequest(definition), in: GlusterFixture.context())
        try server.restartBrick(of: "v", "v.1")

        let deadline = Deadline.after(.seconds(90))
        var isWritten = false
        var isHealed = false
        while !isHealed || !isWritten, !deadline.hasPassed {
            let volumes = try await pool.refresh(in: GlusterFixture.context()).volumes
            #expect(volumes.map(\.name) == ["a", "q"] && volumes.allSatisfy { $0.problems.isEmpty })
            #expect(volumes.map(\.definition.capacity) == [ByteCount(24 << 20), ByteCount(1 << 30)])
            #expect(volumes.map(\.definition.target.format) == [.raw, .qcow2])
            if !isWritten {
                data = LocalEnds.pattern(24 << 20, salt: 9)
                do throws(any Error) {
                    try await upload(data, to: volume, of: pool)
                    isWritten = true
                } catch let error as StorageError {
                    // Gluster has the file open for so long.
                    #expect(error.code == .busy)
                }
            }
            // Nobody asks the brick that lags behind.
            if isWritten { #expect(try await download(volume, of: pool) == data) }
            try server.heal("v")
            isHealed =
                try isWritten && LocalEnds.read(brick.appending("a")) == data
                && LocalFolder(brick).names().contains("q")
        }
        #expect(isWritten && isHealed)
    }

    /// Two bricks that each say that the other one is wrong, as after each was away once: AFR's own marks (`trusted.afr.VOLUME-client-N`).
    private func split(_ name: String, _ server: GlusterDaemon) throws {
        typealias SetAttribute =
            @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeRawPointer, Int, Int32) -> Int32
        // <sys/xattr.h> isn't among what Glibc brings.
        let set = unsafeBitCast(try #require(dlsym(nil, "setxattr")), to: SetAttribute.self)
        let blame: [UInt8] = [0, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
        for (brick, other) in [("v.0", 1), ("v.1", 0)] {
            let path = server.folder.appending("bricks").appending(brick).appending(name).string
            #expect(set(path, "trusted.afr.v-client-\(other)", blame, blame.count, 0) == 0)
        }
    }

    @Test func `A file of which nobody can tell whether it is in use is left alone`() async throws {
        let server = try GlusterDaemon()
        try server.addVolume("v", replicas: 2)
        let hosts = [PoolSource.Host(name: server.address)]
        let volume = try await make("a", 4096, in: try await GlusterFixture.pool(hosts, "v", directory: nil))
        try split("a", server)
        // What a client has seen counts until it looks again, whenever that is: another one.
        let other = GlusterBackend(host: HostRoot("/"), commands: SubprocessRunner())
        let definition = GlusterSourceTests.definition(hosts, name: "v", directory: nil)
        let pool = try await other.activate(definition, in: GlusterFixture.context()).value
        let unreadable = await #expect(throws: StorageError.self) {
            try await pool.inspect(volume, in: GlusterFixture.context())
        }
        #expect(unreadable?.code == .backendFailure)
        let error = await #expect(throws: StorageError.self) { try await upload([1], to: volume, of: pool) }
        #expect(error?.code == .backendFailure)
        #expect(error?.message.contains("can't be told whether 'a' is in use") == true)
        #expect(error?.message.contains("gluster volume heal v info") == true)
    }

    @Test func `An attribute that a volume doesn't know is told from a failure`() async throws {
        let fixture = try await GlusterFixture()
        try await fixture.make("a", 512)
        let path = fixture.pool.source.path(of: "a")
        try await fixture.pool.call("a test", GlusterFixture.context()) { volume throws(StorageError) in
            #expect(try volume.text(of: "glusterfs.nonsense", at: path) == nil)
            #expect(try volume.text(of: "user.nonsense", at: path) == nil)
            #expect(try volume.isOpen(path) == false)
            let missing = #expect(throws: StorageError.self) { try volume.isOpen(path + "x") }
            #expect(missing?.code == .notFound)
        }
    }

    @Test func `A server of IPv6 is reached, by each form of its address`() async throws {
        let server = try GlusterDaemon(isIPv6: true)
        try server.addVolume("v")
        for (host, authority) in [
            (PoolSource.Host(name: "::1"), "[::1]"), (PoolSource.Host(name: "[::1]", port: 24007), "[::1]:24007"),
        ] {
            let pool = try await GlusterFixture.pool([host], "v", directory: nil)
            let data = LocalEnds.pattern(70_000)
            let volume = try await make("a b", data.count, in: pool)
            #expect(volume.path == "gluster://\(authority)/v/a%20b")
            try await upload(data, to: volume, of: pool)
            #expect(try await download(volume, of: pool) == data)
            // QEMU's own way there.
            let source = VolumeRequest.Origin(volume: volume, pool: pool)
            var definition = GlusterFixture.definition("q", format: .qcow2)
            definition.target.compat = "1.1"
            let image = try await pool.createVolume(
                VolumeRequest(definition, origin: source), in: GlusterFixture.context()
            ).value
            #expect(image.definition.target.format == .qcow2)
            for volume in [volume, image] {
                _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: GlusterFixture.context())
            }
        }
        var query = PoolSource()
        query.hosts = [PoolSource.Host(name: "::1")]
        let sources = try await GlusterFixture.backend.discoverSources(query, in: GlusterFixture.context())
        #expect(sources.map(\.name) == ["v"])
    }
}
