import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Synchronization
import SystemPackage
import Testing

@testable import SANBackendDirectory

#if canImport(Glibc)
    import Glibc
#endif

/// A file gets longer under the eyes of others, who go by the length that they see.
@Suite struct FileGrowthTests {
    private static let piece: UInt64 = 1 << 20

    /// Grows a file from three bytes to eight MiB, in pieces of one.
    private func grow(
        _ fixture: DirectoryFixture, behind: Bool = true, _ report: @escaping @Sendable (UInt64) -> Void
    ) async throws {
        let context = DirectoryFixture.context(progress: Watching(body: report))
        let file = try fixture.pool.files.open().open("v", FileFlags.readWrite)
        try await TransferMonitor.run(on: "a test", in: context) { monitor throws(StorageError) in
            var growth = FileGrowth(
                of: file, from: 3, to: 8 << 20, piece: Self.piece, reservesBehind: behind, monitor)
            try growth.run()
        }
    }

    /// Another host's resize to the same capacity would be told that there is nothing to do, and a guest write there.
    @Test func `The new length shows when all of its space is there`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1, 2, 3])
        let lengths = Mutex<[UInt64]>([])
        let path = fixture.path("v")
        let context = DirectoryFixture.context(
            progress: Watching { _ in lengths.withLock { $0.append(Self.length(of: path)) } })
        let grown = try await fixture.pool.resizeVolume(
            try await fixture.volume("v"), to: ResizeRequest(capacity: 8 << 20, allocates: true), in: context)
        #expect(lengths.withLock { $0 }.first == 3)
        #expect(grown.value.definition.capacity == 8 << 20)
        #expect(grown.value.definition.allocation.map { $0 >= 8 << 20 } == true)
        #expect(try fixture.read("v").prefix(4) == [1, 2, 3, 0])
        lengths.withLock { $0 = [] }
        try fixture.write("v", [1, 2, 3])
        // As NFS 4.2, which knows no space behind the end: piece by piece.
        try await grow(fixture, behind: false) { _ in lengths.withLock { $0.append(Self.length(of: path)) } }
        #expect(lengths.withLock { $0 } == (1...8).map { min(3 + $0 << 20, 8 << 20) })
    }

    @Test(arguments: [true, false])
    func `What another makes as long meanwhile stays so, with its bytes`(behind: Bool) async throws {
        for length in [2 << 20, 8 << 20, 16 << 20] {
            let fixture = try await DirectoryFixture()
            try fixture.write("v", [1, 2, 3])
            let path = fixture.path("v")
            await expect(.busy) {
                try await grow(fixture, behind: behind) { done in
                    guard done == Self.piece else { return }
                    let descriptor = open(path, O_WRONLY)
                    ftruncate(descriptor, length)
                    pwrite(descriptor, [9], 1, length - 1)
                    close(descriptor)
                }
            }
            let bytes = try fixture.read("v")
            #expect(bytes.count == length && bytes.last == 9 && bytes.prefix(3) == [1, 2, 3])
        }
    }

    @Test(arguments: [true, false])
    func `A growth that is cancelled gives its space back`(behind: Bool) async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1, 2, 3])
        let (begun, ended) = (FirstResult<Void>(), FirstResult<Void>())
        let growth = Task {
            try await grow(fixture, behind: behind) { done in
                guard done == Self.piece else { return }
                begun.finish(.success(()))
                while !ended.isDecided { sched_yield() }
            }
        }
        _ = await begun.value()
        growth.cancel()
        ended.finish(.success(()))
        await expect(.cancelled) { try await growth.value }
        #expect(try fixture.read("v") == [1, 2, 3])
        #expect(try await fixture.volume("v").definition.allocation.map { $0 < 1 << 20 } == true)
    }

    private static func length(of path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_size) : .max
    }
}

/// Does something at each report.
private struct Watching: ProgressReporting {
    let body: @Sendable (UInt64) -> Void

    func report(done: ByteCount, total: ByteCount?) { body(done.bytes) }
}
