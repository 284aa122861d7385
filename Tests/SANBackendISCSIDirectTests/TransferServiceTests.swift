import SANEngine
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendISCSIDirect

/// Transfers against a real tgt, compared with the file behind the LUN.
@Suite(.timeLimit(.minutes(5))) struct TransferServiceTests {
    static let iqn = "iqn.2013-06.com.example:transfer"

    let server: TgtServer
    let pool: ISCSIDirectPool

    init() async throws {
        server = try TgtServer()
        try server.addTarget(1, Self.iqn)
        pool = try await PoolFixture.pool(of: server, target: Self.iqn)
    }

    private func volume(_ lun: Int) async throws -> Volume {
        let snapshot = try await pool.refresh(in: PoolFixture.context())
        return try #require(snapshot.volumes.first { $0.name == "unit:0:0:\(lun)" })
    }

    @Test func uploadsAndDownloadsEveryByte() async throws {
        let backing = try server.addLUN(1, of: 1, size: 10 << 20)
        let bytes = LocalEnds.pattern(10 << 20)
        let source = server.folder.appending("source")
        try LocalEnds.write(bytes, to: source)
        let volume = try await volume(1)
        let summary = try await pool.upload(
            LocalEnds.reading(source), to: volume, TransferRequest(), in: PoolFixture.context())
        #expect(summary == TransferSummary(bytes: ByteCount(10 << 20), moved: ByteCount(10 << 20)))
        #expect(try LocalEnds.read(backing) == bytes)

        let sink = server.folder.appending("sink")
        let downloaded = try await pool.download(
            volume, to: LocalEnds.writing(sink), TransferRequest(), in: PoolFixture.context())
        #expect(downloaded.bytes == ByteCount(10 << 20))
        #expect(try LocalEnds.read(sink) == bytes)
    }

    @Test(arguments: [(1, 1), (511, 2), (513, 1_000_003), (262_143, 262_146), (4_096, 8_192)])
    func keepsWhatIsAroundTheRange(offset: Int, length: Int) async throws {
        let backing = try server.addLUN(1, of: 1, size: 4 << 20)
        let old = LocalEnds.pattern(4 << 20, salt: 0xC2B2_AE3D_27D4_EB4F)
        let new = LocalEnds.pattern(length)
        try LocalEnds.write(new, to: server.folder.appending("new"))
        let file = try FileDescriptor.open(backing, .writeOnly)
        try file.closeAfter { _ = try file.writeAll(old) }
        let volume = try await volume(1)
        let request = TransferRequest(offset: ByteCount(UInt64(offset)))
        let summary = try await pool.upload(
            LocalEnds.reading(server.folder.appending("new")), to: volume, request, in: PoolFixture.context())
        #expect(summary.bytes == ByteCount(UInt64(length)))
        var expected = old
        expected.replaceSubrange(offset..<offset + length, with: new)
        #expect(try LocalEnds.read(backing) == expected)

        let sink = server.folder.appending("part")
        let part = TransferRequest(offset: ByteCount(UInt64(offset)), length: ByteCount(UInt64(length)))
        _ = try await pool.download(volume, to: LocalEnds.writing(sink), part, in: PoolFixture.context())
        #expect(try LocalEnds.read(sink) == new)
    }

    @Test(arguments: WipeAlgorithm.allCases.filter { $0 != .trim })
    func wipesEveryBlock(_ algorithm: WipeAlgorithm) async throws {
        // 129 blocks more than a multiple of 128: libvirt leaves the last one.
        let size = (1 << 20) + 129 * 512
        let backing = try server.addLUN(1, of: 1, size: UInt64(size))
        let old = LocalEnds.pattern(size)
        let file = try FileDescriptor.open(backing, .writeOnly)
        try file.closeAfter { _ = try file.writeAll(old) }
        let summary = try await pool.wipe(try await volume(1), algorithm, in: PoolFixture.context())
        #expect(summary.bytes == ByteCount(UInt64(size)))
        let now = try LocalEnds.read(backing)
        switch algorithm {
        case .zero, .nnsa: #expect(now.allSatisfy { $0 == 0 })
        case .dod: #expect(now.allSatisfy { $0 == 0xFF })
        case .bsi: #expect(now.allSatisfy { $0 == 0x7F })
        default:
            let kept = stride(from: 0, to: size, by: 512).count { now[$0..<$0 + 512] == old[$0..<$0 + 512] }
            #expect(kept == 0)
        }
    }

    // MARK: Ends

    @Test(arguments: ["killed", "hung"])
    func saysWhatIsSafeWhenTheTargetGoesAway(_ how: String) async throws {
        let backing = try server.addLUN(1, of: 1, size: 64 << 20)
        let volume = try await volume(1)
        let (reading, writing) = try FileDescriptor.pipe()
        let recorder = ProgressRecorder()
        let context = PoolFixture.context(patience: .seconds(5), progress: recorder)
        let pool = pool
        let task = Task {
            try await pool.upload(
                DataEnd(descriptor: reading, isSeekable: false, name: "pipe"), to: volume, TransferRequest(),
                in: context)
        }
        let bytes = LocalEnds.pattern(8 << 20)
        try await Pipes.write(bytes, to: writing)
        try await recorder.waitUntil(4 << 20)
        if how == "killed" { server.stop() } else { server.pause() }
        let feeder = Task.detached { try await Pipes.write(bytes, to: writing, closes: true) }
        let error = await #expect(throws: StorageError.self) { try await task.value }
        try reading.close()
        _ = await feeder.result
        #expect(error?.code == (how == "killed" ? .unavailable : .timedOut))
        let words = try #require(error).message.split(separator: " ")
        let safe = try #require(words.firstIndex(of: "safe").flatMap { Int(words[$0 - 3]) })
        #expect(safe >= 4 << 20 && safe <= 8 << 20)
        server.resume()
        #expect(try Array(LocalEnds.read(backing)[0..<safe]) == Array(bytes[0..<safe]))
    }
}
