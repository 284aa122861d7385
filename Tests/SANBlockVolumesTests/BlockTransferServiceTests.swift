import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBlockVolumes

/// Bytes on loop devices of the kernel; needs root.
@Suite struct BlockTransferServiceTests {
    private let fixture: TransferFixture
    /// No whole number of chunks.
    private static let size = (5 << 20) + 12_288

    init() throws {
        fixture = try TransferFixture()
    }

    @Test(arguments: [512, 4096])
    func everyByteToTheLastBlockIsWrittenAndRead(blockSize: Int) async throws {
        try await LoopDevice.with(bytes: Int64(Self.size), blockSize: blockSize) { loop in
            let bytes = LocalEnds.pattern(Self.size)
            let summary = try await fixture.upload(bytes, to: loop)
            #expect(summary.bytes.bytes == UInt64(Self.size))
            #expect(summary.moved.bytes == UInt64(Self.size))
            #expect(try LocalEnds.read(loop.file) == bytes)
            #expect(fixture.progress.last?.done == UInt64(Self.size))
            #expect(fixture.progress.all == fixture.progress.all.sorted())
            #expect(try await fixture.download(loop, length: UInt64(Self.size)) == bytes)
        }
    }

    /// What isn't whole blocks is read first: the neighbours keep their bytes.
    @Test(arguments: [512, 4096], [(1, 1), (511, 2), (4095, 4098), (1_048_575, 1_048_580), (5_000_001, 255_167)])
    func unalignedRangesLeaveTheirNeighboursAlone(blockSize: Int, range: (offset: Int, count: Int)) async throws {
        try await LoopDevice.with(bytes: Int64(Self.size), blockSize: blockSize) { loop in
            var expected = LocalEnds.pattern(Self.size)
            try LocalEnds.write(expected, to: loop.file)
            let bytes = LocalEnds.pattern(range.count, salt: 77)
            _ = try await fixture.upload(bytes, to: loop, at: UInt64(range.offset))
            expected.replaceSubrange(range.offset..<range.offset + range.count, with: bytes)
            #expect(try LocalEnds.read(loop.file) == expected)
            let back = try await fixture.download(loop, at: UInt64(range.offset), length: UInt64(range.count))
            #expect(back == bytes)
        }
    }

    @Test func zerosAreWrittenOverOldDataWithoutBeingSent() async throws {
        try await LoopDevice.with(bytes: Int64(Self.size)) { loop in
            try LocalEnds.write([UInt8](repeating: 0xEE, count: Self.size), to: loop.file)
            var bytes = [UInt8](repeating: 0, count: Self.size)
            bytes.replaceSubrange(3 << 20..<(3 << 20) + 100, with: LocalEnds.pattern(100))
            let summary = try await fixture.upload(bytes, to: loop, isSparse: true)
            #expect(summary.bytes.bytes == UInt64(Self.size))
            #expect(summary.moved.bytes < 1 << 20)
            #expect(try LocalEnds.read(loop.file) == bytes)
            #expect(try await fixture.download(loop, length: UInt64(Self.size), isSparse: true) == bytes)
        }
    }

    @Test(arguments: [WipeAlgorithm.zero, .trim, .nnsa, .random, .gutmann], [512, 4096])
    func wipingReachesEveryBlock(algorithm: WipeAlgorithm, blockSize: Int) async throws {
        try await LoopDevice.with(bytes: 1 << 20 + 4096, blockSize: blockSize) { loop in
            let size = 1 << 20 + 4096
            try LocalEnds.write([UInt8](repeating: 0xEE, count: size), to: loop.file)
            let summary = try await fixture.target(loop).wipe(algorithm, in: fixture.context())
            #expect(summary.bytes.bytes == UInt64(size))
            let left = try LocalEnds.read(loop.file)
            switch algorithm {
            // A loop device gives discarded blocks back to its file.
            case .zero, .trim, .nnsa: #expect(left == [UInt8](repeating: 0, count: size))
            default: #expect(!left.suffix(blockSize).allSatisfy { $0 == 0xEE })
            }
            #expect(fixture.progress.last?.done == fixture.progress.last?.total)
        }
    }

    @Test func trimmingWhatCannotDiscardIsRefused() async throws {
        try await LoopDevice.with(bytes: 1 << 20) { loop in
            try LocalEnds.write([UInt8](repeating: 0xEE, count: 1 << 20), to: loop.file)
            let target = try fixture.target(loop).unableToDiscard
            let error = await #expect(throws: StorageError.self) {
                _ = try await target.wipe(WipeAlgorithm.trim, in: fixture.context())
            }
            #expect(error?.code == .unsupported)
            #expect(try LocalEnds.read(loop.file) == [UInt8](repeating: 0xEE, count: 1 << 20))
        }
    }

    /// The file behind the device is on a file system that is too small: some writes fail.
    @Test func aWriteErrorSaysHowManyBytesAreSafe() async throws {
        let place = try TemporaryFolder()
        try await LoopDevice.run("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", place.path.string])
        do {
            try await LoopDevice.with(bytes: 8 << 20, in: place.path) { loop in
                let bytes = LocalEnds.pattern(8 << 20)
                let error = await #expect(throws: StorageError.self) {
                    _ = try await fixture.upload(bytes, to: loop)
                }
                #expect(error?.code == .backendFailure)
                let message = error?.message ?? ""
                let words = message.split(separator: " ")
                let place = try #require(words.firstIndex(of: "first"))
                let safe = try #require(Int(words[place + 1]))
                #expect(safe <= 3 << 20)
                #expect(try LocalEnds.read(loop.file).prefix(safe).elementsEqual(bytes.prefix(safe)))
            }
        } catch {
            try await LoopDevice.run("umount", [place.path.string])
            throw error
        }
        try await LoopDevice.run("umount", [place.path.string])
    }

    /// Nobody reads the pipe: the sink's thread hangs, and the transfer ends all the same; the device is free afterwards.
    @Test func cancellationLeavesNothingRunning() async throws {
        try await LoopDevice.with(bytes: 64 << 20) { loop in
            let (reading, writing) = try FileDescriptor.pipe()
            defer {
                try? reading.close()  // nobody needs it any more
                try? writing.close()  // the same
            }
            let target = try fixture.target(loop)
            let context = fixture.context()
            let end = try TransferEnd(DataEnd(descriptor: writing, isSeekable: false, name: "pipe"))
            let transfer = Task {
                try await target.download(to: end, TransferRequest(), length: 64 << 20, in: context)
            }
            // It has begun when there is something in the pipe.
            let count = try await withThread { [reading] in
                var byte: [UInt8] = [0]
                return try byte.withUnsafeMutableBytes { try reading.read(into: $0) }
            }
            #expect(count == 1)
            transfer.cancel()
            let error = await #expect(throws: StorageError.self) { _ = try await transfer.value }
            #expect(error?.code == .cancelled)
        }
    }
}

extension BlockTarget {
    fileprivate var unableToDiscard: BlockTarget {
        var copy = self
        copy.discardLimit = 0
        return copy
    }
}
