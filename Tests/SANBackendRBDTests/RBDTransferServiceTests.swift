import SANEngine
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendRBD

/// Transfers to and from images of a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDTransferServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test("every byte goes there and back, and what rbd itself exports is the same")
    func uploadsAndDownloads() async throws {
        let bytes = LocalEnds.pattern((21 << 20) + 12_345)
        let folder = try TemporaryFolder()
        let (cluster, spec) = (fixture.cluster, fixture.spec("v"))
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", UInt64(bytes.count), in: pool)
            let summary = try await Transfers.upload(bytes, to: volume, of: pool, fixture)
            #expect(summary == TransferSummary(bytes: ByteCount(UInt64(bytes.count)), moved: summary.bytes))
            #expect(try await Transfers.download(volume, of: pool, fixture) == bytes)
        }
        let exported = folder.appending("exported")
        _ = try await withThread { try cluster.rbd("export", "--no-progress", spec, exported.string) }
        #expect(try LocalEnds.read(exported) == bytes)
    }

    @Test(arguments: [(1, 1), (4_194_303, 2), (513, 5_000_003)])
    func keepsWhatIsAroundTheRange(offset: Int, length: Int) async throws {
        let old = LocalEnds.pattern(9 << 20, salt: 0xC2B2_AE3D_27D4_EB4F)
        let new = LocalEnds.pattern(length)
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 9 << 20, in: pool)
            try await Transfers.upload(old, to: volume, of: pool, fixture)
            let request = TransferRequest(offset: ByteCount(UInt64(offset)))
            try await Transfers.upload(new, to: volume, of: pool, fixture, request)
            var expected = old
            expected.replaceSubrange(offset..<offset + length, with: new)
            #expect(try await Transfers.download(volume, of: pool, fixture) == expected)
            let part = TransferRequest(offset: request.offset, length: ByteCount(UInt64(length)))
            #expect(try await Transfers.download(volume, of: pool, fixture, part) == new)
        }
    }

    @Test("with sparse, zeros give space back, and overwrite what was there")
    func uploadsZerosAsNothing() async throws {
        var bytes = LocalEnds.pattern(16 << 20)
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 16 << 20, in: pool)
            try await Transfers.upload(bytes, to: volume, of: pool, fixture)
            bytes.replaceSubrange(0..<8 << 20, with: repeatElement(0, count: 8 << 20))
            let sparse = TransferRequest(isSparse: true)
            let summary = try await Transfers.upload(bytes, to: volume, of: pool, fixture, sparse)
            #expect(summary.bytes == ByteCount(16 << 20) && summary.moved == ByteCount(8 << 20))
            #expect(try await Transfers.download(volume, of: pool, fixture, sparse) == bytes)
            #expect(try await pool.inspect(volume, in: fixture.context()).definition.allocation == ByteCount(8 << 20))
        }
    }

    @Test(
        "only what there is of an image is read: of itself and of its parent, with fast-diff and without",
        arguments: ["layering", "layering,exclusive-lock,object-map,fast-diff"])
    func readsOnlyData(_ features: String) async throws {
        let (chunk, data) = (4 << 20, LocalEnds.pattern(3 << 19))
        var expected = [UInt8](repeating: 0, count: 10 * chunk + 77)
        let feature = "--image-feature=" + features
        try await fixture.rbd("create", "--size=\(expected.count)B", feature, fixture.spec("parent"))
        try await fixture.withPool { pool in
            func image(_ name: String) async throws -> Volume {
                try #require(try await pool.refresh(in: fixture.context()).volumes.first { $0.name == name })
            }
            func put(_ at: Int, in volume: Volume) async throws {
                let request = TransferRequest(offset: ByteCount(UInt64(at)))
                try await Transfers.upload(data, to: volume, of: pool, fixture, request)
                expected.replaceSubrange(at..<at + data.count, with: data)
            }
            try await put(2 * chunk, in: image("parent"))
            try await fixture.rbd("snap", "create", fixture.spec("parent") + "@s")
            try await fixture.rbd("snap", "protect", fixture.spec("parent") + "@s")
            try await fixture.rbd("clone", fixture.spec("parent") + "@s", feature, fixture.spec("child"))
            let child = try await image("child")
            try await put(7 * chunk - 5, in: child)

            // Holes are read as zeros, whatever the file had before.
            let folder = try TemporaryFolder()
            let sink = folder.appending("sink")
            try LocalEnds.write(LocalEnds.pattern(expected.count), to: sink)
            _ = try await pool.download(child, to: LocalEnds.writing(sink), TransferRequest(), in: fixture.context())
            #expect(try LocalEnds.read(sink) == expected)
            let sparse = TransferRequest(isSparse: true)
            #expect(try await Transfers.download(child, of: pool, fixture, sparse) == expected)
            let part = TransferRequest(offset: ByteCount(UInt64(chunk + 3)), length: ByteCount(UInt64(2 * chunk)))
            #expect(
                try await Transfers.download(child, of: pool, fixture, part)
                    == Array(expected[chunk + 3..<3 * chunk + 3]))

            let found = try await pool.withConnection(in: fixture.context(), waitingFor: "data") {
                connection throws(StorageError) in
                try OpenImage(child, readOnly: true, connection).data(in: 0..<UInt64(10 * chunk))
            }
            let read = found.map(\.count).reduce(0, +)
            #expect(read >= 2 * data.count && read <= 3 * chunk)
        }
    }

    @Test("of a large image with little in it as little is read and written")
    func downloadsHolesAsNothing() async throws {
        let size: UInt64 = 1 << 40
        let data = LocalEnds.pattern(4 << 20)
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", size, in: pool)
            let end = TransferRequest(offset: ByteCount(size - UInt64(data.count)), isSparse: true)
            try await Transfers.upload(data, to: volume, of: pool, fixture, end)
            let folder = try TemporaryFolder()
            let sink = try LocalEnds.writing(folder.appending("sink"))
            let summary = try await pool.download(
                volume, to: sink, TransferRequest(isSparse: true), in: fixture.context())
            #expect(summary == TransferSummary(bytes: ByteCount(size), moved: ByteCount(UInt64(data.count))))
            #expect(try await Transfers.download(volume, of: pool, fixture, end) == data)
        }
    }

    @Test("more than there is room for is refused before a byte is written")
    func refusesTooMuch() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 1 << 20, in: pool)
            let much = LocalEnds.pattern((1 << 20) + 1)
            #expect(
                await code { try await Transfers.upload(much, to: volume, of: pool, fixture) } == .invalidArgument)
            let behind = TransferRequest(offset: ByteCount(2 << 20))
            #expect(
                await code { _ = try await Transfers.download(volume, of: pool, fixture, behind) } == .invalidArgument)
            #expect(try await Transfers.download(volume, of: pool, fixture).allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: [WipeAlgorithm.zero, .trim, .nnsa, .random, .bsi])
    func wipesEveryByte(_ algorithm: WipeAlgorithm) async throws {
        let size = (5 << 20) + 77
        let old = LocalEnds.pattern(size)
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", UInt64(size), in: pool)
            try await Transfers.upload(old, to: volume, of: pool, fixture)
            let summary = try await pool.wipe(volume, algorithm, in: fixture.context())
            #expect(summary.bytes == ByteCount(UInt64(size)))
            let now = try await Transfers.download(volume, of: pool, fixture)
            let allocation = try await pool.inspect(volume, in: fixture.context()).definition.allocation
            switch algorithm {
            // Of the last object, which the image has only a part of, zeros may stay.
            case .trim: #expect(now.allSatisfy { $0 == 0 } && (allocation ?? ByteCount(.max)) <= ByteCount(4 << 20))
            case .random: #expect(zip(now, old).filter { $0 == $1 }.count < size / 100)
            case .bsi: #expect(now.allSatisfy { $0 == 0x7F })
            default: #expect(now.allSatisfy { $0 == 0 } && allocation == ByteCount(UInt64(size)))
            }
        }
    }

    @Test("a transfer that is cancelled ends, and the image is free at once")
    func endsWhenCancelled() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 64 << 20, in: pool)
            let (reading, writing) = try FileDescriptor.pipe()
            let context = fixture.context()
            // A pipe that nobody writes to: the upload waits until it is cancelled.
            let upload = Task {
                await code {
                    _ = try await pool.upload(
                        DataEnd(descriptor: reading, isSeekable: false, name: "pipe"), to: volume, TransferRequest(),
                        in: context)
                }
            }
            upload.cancel()
            #expect(await upload.value == .cancelled)
            try reading.close()
            try writing.close()
            _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context())
        }
    }

    enum Change: CaseIterable { case cut, deleted, replaced }

    @Test("a download of an image that is cut, deleted or replaced meanwhile fails", arguments: Change.allCases)
    func noticesChanges(_ change: Change) async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 16 << 20, in: pool)
            try await Transfers.upload(LocalEnds.pattern(16 << 20), to: volume, of: pool, fixture)
            let (reading, writing) = try FileDescriptor.pipe()
            let download = Task {
                let result = await code {
                    _ = try await pool.download(
                        volume, to: DataEnd(descriptor: writing, isSeekable: false, name: "pipe"), TransferRequest(),
                        in: fixture.context())
                }
                try writing.close()
                return result
            }
            @Sendable func take() throws -> Int {
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                return try bytes.withUnsafeMutableBytes { try reading.read(into: $0) }
            }
            // It has begun, and can't end before the pipe is empty.
            _ = try await withThread { try take() }
            if change == .cut {
                try await fixture.rbd("resize", "--allow-shrink", "--size=4", fixture.spec("v"))
            } else {
                try await fixture.rbd("remove", fixture.spec("v"))
            }
            if change == .replaced { _ = try await fixture.create("v", 16 << 20, in: pool) }
            try await withThread { while try take() > 0 {} }
            let expected: StorageError.Code = change == .deleted ? .notFound : .invalidState
            #expect(try await download.value == expected)
            try reading.close()
        }
    }
}
