import SANEngine
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendGluster

/// Gluster volumes with bricks on file systems of their own: needs root and loop devices.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GlusterSpaceServiceTests {
    /// Nobody has seen it longer than it was, and what ext4 has given of it by then goes back, but where files are pieces.
    @Test(arguments: [false, true])
    func `A growth that there is no space for leaves the file as it was`(isSharded: Bool) async throws {
        try await withVolume(on: "ext4", isSharded: isSharded) { fixture in
            let volume = try await fixture.make("a", 4096)
            let brick = fixture.onBrick("a")
            let error = await #expect(throws: StorageError.self) {
                try await fixture.pool.resizeVolume(
                    volume, to: ResizeRequest(capacity: ByteCount(1 << 30), allocates: true),
                    in: GlusterFixture.context())
            }
            #expect(error?.code == .hostFailure || error?.code == .backendFailure, "\(String(describing: error))")
            let after = try await fixture.pool.inspect(volume, in: GlusterFixture.context())
            #expect(after.definition.capacity == 4096, "\(String(describing: error))")
            guard !isSharded else {
                #expect(error?.causes.first?.message.contains("may keep space behind its end") == true)
                return
            }
            #expect(error?.causes.isEmpty == true)
            #expect(try LocalEnds.size(brick) == 4096 && LocalEnds.allocation(brick) <= 16_384)
            let grown = try await fixture.pool.resizeVolume(
                volume, to: ResizeRequest(capacity: ByteCount(16 << 20), allocates: true), in: GlusterFixture.context()
            ).value
            #expect(grown.definition.capacity == ByteCount(16 << 20))
            #expect(try LocalEnds.allocation(brick) >= (16 << 20) - 4096)
        }
    }

    /// Zeros in the place of `fallocate` belong into new files only.
    @Test func `Copies, conversions and volumes that grow keep their bytes, and new ones get zeros`() async throws {
        try await withVolume(on: "ext2") { fixture in
            let data = LocalEnds.pattern(3 << 20)
            let origin = try await fixture.make("origin", 0)
            _ = try await fixture.upload(data, to: origin)
            let listed = try await fixture.pool.inspect(origin, in: GlusterFixture.context())

            try await make(fixture, "copy", 3 << 20, from: listed)
            #expect(try LocalEnds.read(fixture.onBrick("copy")) == data)
            let image = try await make(fixture, "image", 3 << 20, .qcow2, from: listed)
            #expect(image.definition.target.format == .qcow2)
            let converted = try await make(fixture, "converted", 3 << 20, from: image)
            #expect(converted.definition.target.format == .raw)
            #expect(try LocalEnds.read(fixture.onBrick("converted")) == data)

            let new = try await make(fixture, "new", 5 << 20)
            #expect(new.definition.allocation.map { $0 >= ByteCount(5 << 20) } == true)
            #expect(try LocalEnds.read(fixture.onBrick("new")) == [UInt8](repeating: 0, count: 5 << 20))
            let preallocated = try await make(fixture, "preallocated", 4 << 20, .qcow2)
            #expect(preallocated.definition.capacity == ByteCount(4 << 20) && preallocated.problems.isEmpty)
            try await LoopDevice.run(
                "qemu-img", ["check", "-q", "-f", "qcow2", fixture.onBrick("preallocated").string])

            let error = await #expect(throws: StorageError.self) {
                try await fixture.pool.resizeVolume(
                    listed, to: ResizeRequest(capacity: ByteCount(8 << 20), allocates: true),
                    in: GlusterFixture.context())
            }
            #expect(error?.code == .unsupported)
            #expect(try LocalEnds.read(fixture.onBrick("origin")) == data)
        }
    }

    /// One that is made with its space.
    @discardableResult
    private func make(
        _ fixture: GlusterFixture, _ name: String, _ capacity: UInt64, _ format: VolumeFormat = .raw,
        from origin: Volume? = nil
    ) async throws -> Volume {
        var definition = GlusterFixture.definition(
            name, ByteCount(capacity), allocation: ByteCount(capacity), format: format)
        if format == .qcow2 { definition.target.compat = "1.1" }
        return try await fixture.pool.createVolume(
            VolumeRequest(definition, origin: origin.map { .init(volume: $0, pool: fixture.pool) }),
            in: GlusterFixture.context()
        ).value
    }

    /// - Parameter type: the brick's file system; ext2 can't promise space, as ZFS.
    private func withVolume(
        on type: String, isSharded: Bool = false, _ body: (GlusterFixture) async throws -> Void
    ) async throws {
        let server = try GlusterDaemon()
        try await withFileSystem(type, ["-q"], megabytes: 128) { mount in
            let brick = try server.addVolume("flat", in: mount)
            do {
                if isSharded { try server.administer("volume", "set", "flat", "features.shard", "on") }
                try await body(try await GlusterFixture(on: "flat", of: server, brick: brick))
            } catch {
                try? server.removeVolume("flat")  // the test's error is the one that counts
                throw error
            }
            try server.removeVolume("flat")
        }
    }
}
