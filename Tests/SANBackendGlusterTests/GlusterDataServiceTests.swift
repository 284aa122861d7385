import SANEngine
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

/// Bytes of volumes on a real Gluster volume, compared with the file on the brick.
@Suite(.timeLimit(.minutes(5))) struct GlusterDataServiceTests {
    @Test func `Every byte goes up and comes down`() async throws {
        let fixture = try await GlusterFixture()
        let volume = try await fixture.make("a", ByteCount(10 << 20))
        let bytes = LocalEnds.pattern((10 << 20) + 12_345)
        let summary = try await fixture.upload(bytes, to: volume)
        #expect(summary.bytes.bytes == UInt64(bytes.count) && summary.moved == summary.bytes)
        #expect(try LocalEnds.read(fixture.onBrick("a")) == bytes)
        #expect(try await fixture.download(volume) == bytes)
    }

    @Test(arguments: [(0, 1), (1, 1), (511, 1_000_003), (1 << 20, 1 << 20), ((4 << 20) - 1, 7)])
    func `What is around a range is kept`(offset: Int, length: Int) async throws {
        let fixture = try await GlusterFixture()
        let volume = try await fixture.make("a", ByteCount(4 << 20))
        let old = LocalEnds.pattern(4 << 20, salt: 0xC2B2_AE3D_27D4_EB4F)
        _ = try await fixture.upload(old, to: volume)
        let new = LocalEnds.pattern(length)
        _ = try await fixture.upload(new, to: volume, at: UInt64(offset))
        var expected = old
        let end = min(old.count, offset + length)
        expected.replaceSubrange(offset..<end, with: new)
        #expect(try LocalEnds.read(fixture.onBrick("a")) == expected)
        let range = TransferRequest(offset: ByteCount(UInt64(offset)), length: ByteCount(UInt64(length)))
        #expect(try await fixture.download(volume, range) == new)
    }

    @Test func `Zeros are left out both ways`() async throws {
        let fixture = try await GlusterFixture()
        let volume = try await fixture.make("a", 0)
        // Old data where zeros belong, and zeros at the end.
        _ = try await fixture.upload(LocalEnds.pattern(2 << 20), to: volume)
        var bytes = [UInt8](repeating: 0, count: 24 << 20)
        bytes.replaceSubrange((8 << 20)..<(9 << 20), with: LocalEnds.pattern(1 << 20))
        let summary = try await fixture.upload(bytes, to: volume, isSparse: true)
        #expect(summary.bytes == ByteCount(24 << 20))
        #expect(summary.moved == ByteCount(1 << 20))
        #expect(try LocalEnds.read(fixture.onBrick("a")) == bytes)
        let listed = try await fixture.pool.inspect(volume, in: GlusterFixture.context())
        #expect(listed.definition.capacity == ByteCount(24 << 20))
        #expect(listed.definition.allocation ?? ByteCount(.max) <= ByteCount(2 << 20))
        #expect(try await fixture.download(volume, TransferRequest(isSparse: true)) == bytes)
    }

    @Test func `Pipes go up and come down in order`() async throws {
        let fixture = try await GlusterFixture()
        let volume = try await fixture.make("a", 0)
        let bytes = LocalEnds.pattern((5 << 20) + 7)
        let pool = fixture.pool
        let (reading, writing) = try FileDescriptor.pipe()
        async let fed: Void = withThread {
            _ = try writing.writeAll(bytes)
            try writing.close()
        }
        let summary = try await pool.upload(
            DataEnd(descriptor: reading, isSeekable: false, name: "pipe"), to: volume, TransferRequest(),
            in: GlusterFixture.context())
        try await fed
        try reading.close()
        #expect(summary.bytes.bytes == UInt64(bytes.count))

        let (back, end) = try FileDescriptor.pipe()
        async let collected = withThread { () throws -> [UInt8] in
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try back.read(into: $0) }
                if count == 0 { break }
                bytes += chunk.prefix(count)
            }
            try back.close()
            return bytes
        }
        _ = try await pool.download(
            volume, to: DataEnd(descriptor: end, isSeekable: false, name: "pipe"), TransferRequest(),
            in: GlusterFixture.context())
        try end.close()
        #expect(try await collected == bytes)
    }

    @Test func `What is behind the end is refused, and folders and links have no bytes`() async throws {
        let fixture = try await GlusterFixture()
        let volume = try await fixture.make("a", 1000)
        let behind = await #expect(throws: StorageError.self) {
            try await fixture.download(volume, TransferRequest(offset: 1001))
        }
        #expect(behind?.code == .invalidArgument)
        #expect(try await fixture.download(volume, TransferRequest(offset: 900, length: 5000)).count == 100)
        let folder = try await fixture.pool.createVolume(
            VolumeRequest(GlusterFixture.definition("folder", format: .directory)), in: GlusterFixture.context()
        ).value
        #expect(symlink("a", fixture.onBrick("link").string) == 0)
        let link = try #require(try await fixture.snapshot().volumes.first { $0.name == "link" })
        for volume in [folder, link] {
            let error = await #expect(throws: StorageError.self) { try await fixture.upload([1], to: volume) }
            #expect(error?.code == .unsupported)
        }
    }

    @Test(arguments: WipeAlgorithm.allCases)
    func `Nothing is left of what was there`(algorithm: WipeAlgorithm) async throws {
        let fixture = try await GlusterFixture()
        let volume = try await fixture.make("a", 0)
        let size = (1 << 20) + 1234
        let old = LocalEnds.pattern(size)
        _ = try await fixture.upload(old, to: volume)
        let summary = try await fixture.pool.wipe(volume, algorithm, in: GlusterFixture.context())
        #expect(summary.bytes.bytes == UInt64(size))
        let now = try LocalEnds.read(fixture.onBrick("a"))
        #expect(now.count == size)
        switch algorithm {
        case .zero, .nnsa, .trim: #expect(now.allSatisfy { $0 == 0 })
        case .dod: #expect(now.allSatisfy { $0 == 0xFF })
        case .bsi: #expect(now.allSatisfy { $0 == 0x7F })
        default:
            let kept = stride(from: 0, to: size - 512, by: 512).count { now[$0..<$0 + 512] == old[$0..<$0 + 512] }
            #expect(kept == 0)
        }
    }

    @Test func `A sparse file is emptied`() async throws {
        let fixture = try await GlusterFixture()
        let volume = try await fixture.make("a", ByteCount(64 << 20))
        _ = try await fixture.upload(LocalEnds.pattern(1 << 20), to: volume, at: 5 << 20)
        let summary = try await fixture.pool.wipe(volume, .zero, in: GlusterFixture.context())
        #expect(summary == TransferSummary(bytes: ByteCount(64 << 20), moved: 0))
        let wiped = try await fixture.pool.inspect(volume, in: GlusterFixture.context())
        #expect(wiped.definition.capacity == ByteCount(64 << 20))
        #expect(wiped.definition.allocation ?? 0 <= 8192)
    }

    // MARK: Copies

    private func copy(
        _ origin: Volume, _ fixture: GlusterFixture, as name: String, capacity: ByteCount?, format: VolumeFormat,
        allocation: ByteCount? = 0
    ) async throws -> Volume {
        var definition = GlusterFixture.definition(name, capacity, allocation: allocation, format: format)
        definition.target.compat = origin.definition.target.compat
        let request = VolumeRequest(definition, origin: .init(volume: origin, pool: fixture.pool))
        return try await fixture.pool.createVolume(request, in: GlusterFixture.context()).value
    }

    @Test func `A copy has every byte, and holes where there were zeros`() async throws {
        let fixture = try await GlusterFixture()
        let origin = try await fixture.make("a", ByteCount(16 << 20))
        _ = try await fixture.upload(LocalEnds.pattern((1 << 20) + 5), to: origin, at: 3 << 20)
        let same = try await copy(origin, fixture, as: "b", capacity: ByteCount(16 << 20), format: .raw)
        #expect(try LocalEnds.read(fixture.onBrick("b")) == LocalEnds.read(fixture.onBrick("a")))
        #expect(same.definition.allocation ?? ByteCount(.max) <= ByteCount(3 << 20))
        let larger = try await copy(
            origin, fixture, as: "c", capacity: ByteCount(20 << 20), format: .raw, allocation: nil)
        #expect(larger.definition.capacity == ByteCount(20 << 20))
        #expect(larger.definition.allocation ?? 0 >= ByteCount(20 << 20))
        #expect(try LocalEnds.read(fixture.onBrick("c")).prefix(16 << 20) == LocalEnds.read(fixture.onBrick("a"))[...])
    }

    @Test func `An image is copied as it is`() async throws {
        let fixture = try await GlusterFixture()
        let origin = try await fixture.pool.createVolume(
            VolumeRequest(GlusterFixture.definition("a", ByteCount(1 << 30), format: .qcow2)),
            in: GlusterFixture.context()
        ).value
        let copied = try await copy(origin, fixture, as: "b", capacity: ByteCount(1 << 30), format: .qcow2)
        #expect(copied.definition.target.format == .qcow2)
        #expect(copied.definition.capacity == ByteCount(1 << 30))
        #expect(try LocalEnds.read(fixture.onBrick("b")) == LocalEnds.read(fixture.onBrick("a")))
        #expect(try await fixture.snapshot().volumes.map(\.name) == ["a", "b"])
    }

    @Test func `A copy that can't be read whole isn't made`() async throws {
        let fixture = try await GlusterFixture()
        let origin = try await fixture.make("a", ByteCount(4 << 20))
        _ = try await fixture.pool.deleteVolume(origin, deletingSnapshots: false, in: GlusterFixture.context())
        let error = await #expect(throws: StorageError.self) {
            try await copy(origin, fixture, as: "b", capacity: ByteCount(4 << 20), format: .raw)
        }
        #expect(error?.code == .notFound)
        #expect(try await fixture.snapshot().volumes.isEmpty)
    }
}
