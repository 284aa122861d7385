import FoundationEssentials
import SANEngine
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendDirectory

/// A dir pool on a share of another machine: 9p here, whose kernel part refuses what NFS's refuses.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct SharedFolderLabTests {
    @Test func `Volumes are made, copied, resized and deleted`() async throws {
        try await Lab.run { _ in
            let folder: FilePath = "/run/sanctl-lab/results/pool"
            try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: false)
            let fixture = try await DirectoryFixture(in: folder)
            let raw = try await fixture.create("raw", 1 << 20)
            await expect(.alreadyExists) { try await fixture.create("raw", 1 << 20) }
            _ = try await fixture.create("sub", 0) { $0.target.format = .directory }
            await expect(.alreadyExists) { try await fixture.create("sub", 0) { $0.target.format = .directory } }
            let image = try await fixture.create("image", 8 << 20) { $0.target.format = .qcow2 }
            let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 >> 9 | 1) }
            try fixture.write("raw", bytes)
            let copy = try await fixture.pool.createVolume(
                VolumeRequest(
                    VolumeDefinition(name: "copy", capacity: 1 << 20), origin: .init(volume: raw, pool: fixture.pool)),
                in: fixture.context
            ).value
            #expect(try fixture.read("copy") == bytes)
            #expect(try fixture.names() == ["copy", "image", "raw", "sub"])
            let grown = try await fixture.pool.resizeVolume(
                copy, to: ResizeRequest(capacity: 2 << 20, allocates: true), in: fixture.context
            ).value
            #expect(grown.definition.capacity == 2 << 20)
            #expect(try fixture.read("copy") == bytes + [UInt8](repeating: 0, count: 1 << 20))
            for volume in [grown, image, raw, try await fixture.volume("sub")] {
                let change = try await fixture.pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context)
                #expect(change.isChanged)
            }
            #expect(try fixture.names().isEmpty)
            try FileManager.default.removeItem(atPath: folder.string)
        }
    }
}
