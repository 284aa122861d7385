import FoundationEssentials
import SANEngine
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendDirectory

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct DirectoryTransferTests {
    /// Data, a hole, data, a hole at the end: none of it on a block's border.
    static let pattern: [UInt8] = {
        var bytes = [UInt8](repeating: 0, count: 2_500_000)
        for index in 0..<5000 { bytes[index] = UInt8(index % 251) }
        for index in 1_300_001..<1_700_003 { bytes[index] = UInt8(index % 249) | 1 }
        return bytes
    }()

    @Test(arguments: [false, true], [false, true])
    func `What is uploaded is downloaded`(isSparse: Bool, throughPipes: Bool) async throws {
        let fixture = try await DirectoryFixture()
        let volume = try await fixture.create("v", ByteCount(UInt64(Self.pattern.count)))
        let transfer = TransferRequest(isSparse: isSparse)
        let source = try LocalFile(try fixture.write("source", Self.pattern), .readOnly)
        let progress = LastProgress()
        let context = DirectoryFixture.context(progress: progress)
        let up: TransferSummary
        if throughPipes {
            let pipe = try FileDescriptor.pipe()
            let feed = Thread.writing(Self.pattern, to: pipe.writeEnd)
            let end = DataEnd(descriptor: pipe.readEnd, isSeekable: false, name: "pipe")
            up = try await fixture.pool.upload(end, to: volume, transfer, in: context)
            await feed.value
            try pipe.readEnd.close()
        } else {
            up = try await fixture.pool.upload(source.end, to: volume, transfer, in: context)
            #expect(progress.value.total == ByteCount(UInt64(Self.pattern.count)))
        }
        #expect(up.bytes == ByteCount(UInt64(Self.pattern.count)))
        #expect(progress.value.done == up.bytes)
        #expect((up.moved < up.bytes) == isSparse)
        #expect(try fixture.read("v") == Self.pattern)

        let sink = try LocalFile(fixture.path("sink"), .readWrite, options: [.create])
        if throughPipes {
            let pipe = try FileDescriptor.pipe()
            let drain = Thread.reading(pipe.readEnd)
            let end = DataEnd(descriptor: pipe.writeEnd, isSeekable: false, name: "pipe")
            let down = try await fixture.pool.download(volume, to: end, transfer, in: context)
            try pipe.writeEnd.close()
            #expect(down.bytes == up.bytes)
            #expect(await drain.value == Self.pattern)
        } else {
            let down = try await fixture.pool.download(volume, to: sink.end, transfer, in: context)
            #expect(down.bytes == up.bytes)
            #expect(try fixture.read("sink") == Self.pattern)
            if isSparse { #expect(try await fixture.volume("sink").definition.allocation.map { $0 < 1 << 20 } == true) }
        }
    }

    @Test func `A sparse upload makes old bytes zero`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [UInt8](repeating: 0xFF, count: 3_000_000))
        let source = try LocalFile(try fixture.write("source", Self.pattern), .readOnly)
        _ = try await fixture.pool.upload(
            source.end, to: try await fixture.volume("v"), TransferRequest(isSparse: true), in: fixture.context)
        #expect(try fixture.read("v") == Self.pattern + [UInt8](repeating: 0xFF, count: 500_000))
    }

    @Test func `Offset and length choose the bytes`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [UInt8](0..<100))
        let volume = try await fixture.volume("v")
        let source = try LocalFile(try fixture.write("source", [200, 201, 202, 203]), .readOnly)
        let up = try await fixture.pool.upload(
            source.end, to: volume, TransferRequest(offset: 10, length: 3), in: fixture.context)
        #expect(up.bytes == 3)
        #expect(try fixture.read("v")[8..<15] == [8, 9, 200, 201, 202, 13, 14])
        let sink = try LocalFile(fixture.path("sink"), .readWrite, options: [.create])
        let down = try await fixture.pool.download(
            volume, to: sink.end, TransferRequest(offset: 95, length: 50), in: fixture.context)
        #expect(down.bytes == 5)
        #expect(try fixture.read("sink") == [95, 96, 97, 98, 99])
    }

    @Test func `A volume isn't moved to or from its own file`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1, 2, 3])
        let volume = try await fixture.volume("v")
        let own = try LocalFile(fixture.path("v"), .readWrite)
        await expect(.invalidArgument) {
            try await fixture.pool.download(volume, to: own.end, TransferRequest(length: 0), in: fixture.context)
        }
        await expect(.invalidArgument) {
            try await fixture.pool.upload(own.end, to: volume, TransferRequest(offset: 3), in: fixture.context)
        }
        #expect(try fixture.read("v") == [1, 2, 3])
    }

    @Test func `Ranges that make no sense are refused`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1])
        let volume = try await fixture.volume("v")
        let sink = try LocalFile(fixture.path("sink"), .readWrite, options: [.create])
        let end = sink.end
        for transfer in [
            TransferRequest(offset: 2), TransferRequest(offset: .init(.max), length: 1),
            TransferRequest(offset: .init(1 << 63)),
        ] {
            await expect(.invalidArgument) {
                try await fixture.pool.download(volume, to: end, transfer, in: fixture.context)
            }
        }
    }

    @Test func `A volume grows with what is uploaded past its end`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1])
        let source = try LocalFile(try fixture.write("source", [2, 3, 4]), .readOnly)
        _ = try await fixture.pool.upload(
            source.end, to: try await fixture.volume("v"), TransferRequest(), in: fixture.context)
        #expect(try fixture.read("v") == [2, 3, 4])
    }

    @Test func `A transfer that is cancelled ends while its pipe is silent`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1])
        let volume = try await fixture.volume("v")
        let pipe = try FileDescriptor.pipe()
        let upload = Task {
            try await fixture.pool.upload(
                DataEnd(descriptor: pipe.readEnd, isSeekable: false, name: "pipe"), to: volume, TransferRequest(),
                in: fixture.context)
        }
        upload.cancel()
        await expect(.cancelled) { try await upload.value }
        try pipe.writeEnd.close()
        try pipe.readEnd.close()
    }

    @Test func `Zero wipes, and gives the blocks of a sparse file back`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("full", [UInt8](repeating: 7, count: 100_000))
        let summary = try await fixture.pool.wipe(try await fixture.volume("full"), .zero, in: fixture.context)
        #expect(summary.bytes == 100_000)
        #expect(summary.moved == 100_000)
        #expect(try fixture.read("full") == [UInt8](repeating: 0, count: 100_000))
        try fixture.write("sparse", [7])
        #expect(truncate(fixture.path("sparse"), 1 << 20) == 0)
        #expect(try await fixture.pool.wipe(try await fixture.volume("sparse"), .zero, in: fixture.context).moved == 0)
        #expect(try fixture.read("sparse") == [UInt8](repeating: 0, count: 1 << 20))
        #expect(try await fixture.volume("sparse").definition.allocation == 0)
    }

    @Test func `trim punches everything out`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [UInt8](repeating: 7, count: 1 << 20))
        _ = try await fixture.pool.wipe(try await fixture.volume("v"), .trim, in: fixture.context)
        #expect(try fixture.read("v") == [UInt8](repeating: 0, count: 1 << 20))
        #expect(try await fixture.volume("v").definition.allocation == 0)
    }

    @Test(arguments: WipeAlgorithm.allCases.filter { $0 != .trim })
    func `Every algorithm makes all its passes`(algorithm: WipeAlgorithm) async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [UInt8](repeating: 0xA7, count: 1_000_003))
        let writing = algorithm.passes.filter { if case .verify = $0 { false } else { true } }
        let summary = try await fixture.pool.wipe(try await fixture.volume("v"), algorithm, in: fixture.context)
        #expect(summary.bytes == 1_000_003)
        #expect(summary.moved == ByteCount(1_000_003 * UInt64(writing.count)))
        let after = try fixture.read("v")
        #expect(after.count == 1_000_003)
        switch try #require(writing.last) {
        case .pattern(let pattern):
            #expect(after.enumerated().allSatisfy { $0.element == pattern[$0.offset % pattern.count] })
        case .zeros: #expect(after.allSatisfy { $0 == 0 })
        default: #expect(Set(after.suffix(4096)).count > 100)
        }
    }

    @Test func `A pass that reads finds what wasn't kept`() async throws {
        let fixture = try await DirectoryFixture()
        var bytes = [UInt8](repeating: 0xFF, count: 2_000_003)
        try fixture.write("kept", bytes)
        bytes[1_999_999] = 0xFE
        try fixture.write("lost", bytes)
        let folder = try fixture.pool.files.open()
        func verify(_ name: String) async throws(StorageError) {
            let file = try folder.open(name, FileFlags.readWrite)
            try await TransferMonitor.run(on: name, in: fixture.context) { monitor throws(StorageError) in
                var wiping = FileWiping(
                    file: file, status: try file.status(), passes: [.verify(0xFF)], monitor: monitor)
                #expect(try wiping.run() == 0)
            }
        }
        try await verify("kept")
        await expect(.backendFailure) { try await verify("lost") }
        #expect(try fixture.read("lost") == bytes)
    }
}

/// Blocking ends of pipes, off the cooperative pool.
enum Thread {
    static func writing(_ bytes: [UInt8], to descriptor: FileDescriptor) -> Task<Void, Never> {
        Task {
            await offload {
                _ = try? descriptor.writeAll(bytes)
                try? descriptor.close()
            }
        }
    }

    static func reading(_ descriptor: FileDescriptor) -> Task<[UInt8], Never> {
        Task {
            await offload {
                var all: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 65_536)
                while let count = try? buffer.withUnsafeMutableBytes({ try descriptor.read(into: $0) }), count > 0 {
                    all += buffer.prefix(count)
                }
                try? descriptor.close()
                return all
            }
        }
    }

    private static func offload<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            var thread = pthread_t()
            let start = Unmanaged.passRetained(Box { continuation.resume(returning: body()) }).toOpaque()
            pthread_create(
                &thread, nil,
                { argument in
                    if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                    return nil
                }, start)
            pthread_detach(thread)
        }
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
