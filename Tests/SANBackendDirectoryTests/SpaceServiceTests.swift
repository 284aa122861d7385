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

/// Real space on a file system that can't promise any (ext2, as NFS 3 and vfat): needs root and a loop device.
@Suite(.serialized) struct SpaceServiceTests {
    /// Zeros in the place of `fallocate` belong into new space only.
    @Test func `A copy and a volume that grows keep their bytes`() async throws {
        try await withFileSystem("ext2", ["-q"], megabytes: 64) { mount in
            let fixture = try await fixture(on: mount)
            let bytes = (0..<5 << 20).map { UInt8(truncatingIfNeeded: $0 >> 9 | 1) }
            try fixture.write("origin", bytes)
            let origin = VolumeRequest.Origin(volume: try await fixture.volume("origin"), pool: fixture.pool)
            let definition = VolumeDefinition(name: "copy", capacity: ByteCount(UInt64(bytes.count)))
            let copy = try await fixture.pool.createVolume(
                VolumeRequest(definition, origin: origin), in: fixture.context
            ).value
            #expect(try fixture.read("copy") == bytes)
            let grown = try await fixture.pool.resizeVolume(
                copy, to: ResizeRequest(capacity: 7 << 20, allocates: true), in: fixture.context
            ).value
            #expect(grown.definition.allocation.map { $0 >= 7 << 20 } == true)
            #expect(try fixture.read("copy") == bytes + [UInt8](repeating: 0, count: 2 << 20))
            let new = try await fixture.create("new", 3 << 20)
            #expect(new.definition.allocation.map { $0 >= 3 << 20 } == true)
        }
    }

    @Test(arguments: [("ext2", "-q", 16), ("ext4", "-q", 16), ("xfs", "-q", 320), ("btrfs", "-q", 128)])
    func `What grew in vain has its old size and space again`(type: String, option: String, megabytes: Int)
        async throws
    {
        try await withFileSystem(type, [option], megabytes: megabytes) { mount in
            let fixture = try await fixture(on: mount)
            try fixture.write("v", [1, 2, 3])
            let volume = try await fixture.volume("v")
            await expect(.hostFailure) {
                try await fixture.pool.resizeVolume(
                    volume, to: ResizeRequest(capacity: 1 << 30, allocates: true), in: fixture.context)
            }
            #expect(try fixture.read("v") == [1, 2, 3])
            #expect(try await fixture.volume("v").definition.allocation.map { $0 <= 64 << 10 } == true)
        }
    }

    /// As on NFS 4.2: what of a failed call may be ours or another host's stays, and is told.
    @Test func `A growth piece by piece that fails is taken back, or says what is left`() async throws {
        try await withFileSystem("ext4", ["-q"], megabytes: 16) { mount in
            let fixture = try await fixture(on: mount)
            try fixture.write("v", [1, 2, 3])
            let file = try fixture.pool.files.open().open("v", FileFlags.readWrite)
            let error = await #expect(throws: StorageError.self) {
                try await TransferMonitor.run(on: "a test", in: fixture.context) { monitor throws(StorageError) in
                    var growth = FileGrowth(
                        of: file, from: 3, to: 1 << 30, piece: 1 << 20, reservesBehind: false, monitor)
                    try growth.run()
                }
            }
            #expect(error?.code == .hostFailure)
            let bytes = try fixture.read("v")
            #expect(bytes.prefix(3) == [1, 2, 3])
            let isTold = error?.causes.contains { $0.message.contains("is left with \(bytes.count) bytes") } == true
            #expect(bytes.count == 3 || isTold, "\(bytes.count) bytes: \(String(describing: error))")
        }
    }

    /// As another host may have, with a guest's bytes in it by then.
    @Test func `What somebody else has made larger meanwhile is neither cut nor overwritten`() async throws {
        try await withFileSystem("ext2", ["-q"], megabytes: 64) { mount in
            let fixture = try await fixture(on: mount)
            try fixture.write("v", [1, 2, 3])
            let volume = try await fixture.volume("v")
            let progress = Meddling(path: fixture.path("v"))
            await expect(.busy) {
                try await fixture.pool.resizeVolume(
                    volume, to: ResizeRequest(capacity: 8 << 20, allocates: true),
                    in: DirectoryFixture.context(progress: progress))
            }
            let bytes = try fixture.read("v")
            #expect(bytes.count == 16 << 20)
            #expect(bytes.prefix(3) == [1, 2, 3])
            #expect(bytes[4 << 20] == 9)
        }
    }

    private func fixture(on mount: FilePath) async throws -> DirectoryFixture {
        let folder = mount.appending("p")
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: false)
        return try await DirectoryFixture(in: folder)
    }
}

/// Makes a file 16 MiB long at the first report, and writes a byte in the middle.
private struct Meddling: ProgressReporting {
    let path: String

    func report(done: ByteCount, total: ByteCount?) {
        let descriptor = open(path, O_WRONLY)
        ftruncate(descriptor, 16 << 20)
        let byte: [UInt8] = [9]
        pwrite(descriptor, byte, 1, 4 << 20)
        close(descriptor)
    }
}
