import CLinux
import FoundationEssentials
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendDirectory

#if canImport(Glibc)
    import Glibc
#endif

/// Copy-on-write, shared blocks and labels on a real btrfs: needs root, btrfs-progs and a loop device.
@Suite(.serialized) struct BtrfsServiceTests {
    @Test func `Copy-on-write is off in built pools and in volumes that ask for it`() async throws {
        try await withBtrfs { mount in
            let backend = DirectoryBackend(host: HostRoot("/"), commands: SubprocessRunner())
            let context = DirectoryFixture.context()
            for (name, state, isOff): (String, Bool?, Bool) in [
                ("unset", nil, true), ("off", false, true), ("on", true, false),
            ] {
                var definition = PoolDefinition(type: .directory, name: name)
                definition.target = PoolTarget(path: mount.appending(name).string)
                definition.copyOnWrite = state
                #expect(try await backend.build(definition, mode: .normal, in: context).isChanged)
                #expect(try await !backend.build(definition, mode: .normal, in: context).isChanged)
                let flags = try await run("lsattr", ["-d", mount.appending(name).string])
                #expect(flags.prefix { $0 != " " }.contains("C") == isOff, "\(flags)")
            }
            let fixture = try await DirectoryFixture(in: mount.appending("on"))
            for format in [VolumeFormat.raw, .qcow2] {
                let off = try await fixture.create("off-\(format)", 8 << 20) {
                    $0.target.format = format
                    $0.target.noCopyOnWrite = true
                }
                #expect(off.definition.target.noCopyOnWrite)
                #expect(try await fixture.volume("off-\(format)").definition.target.noCopyOnWrite)
                let on = try await fixture.create("on-\(format)", 8 << 20) { $0.target.format = format }
                #expect(!on.definition.target.noCopyOnWrite)
            }
        }
    }

    @Test func `Clones share their blocks`() async throws {
        try await withBtrfs { mount in
            try FileManager.default.createDirectory(
                atPath: mount.appending("p").string, withIntermediateDirectories: false)
            let fixture = try await DirectoryFixture(in: mount.appending("p"))
            try fixture.write("origin", (0..<16 << 20).map { UInt8(truncatingIfNeeded: $0 >> 7) })
            try await run("sync", ["-f", mount.string])
            let before = try #require(try await fixture.pool.refresh(in: fixture.context).available)
            let origin = VolumeRequest.Origin(volume: try await fixture.volume("origin"), pool: fixture.pool)
            let definition = VolumeDefinition(name: "clone", capacity: 16 << 20)
            _ = try await fixture.pool.createVolume(VolumeRequest(definition, origin: origin), in: fixture.context)
            try await run("sync", ["-f", mount.string])
            let after = try #require(try await fixture.pool.refresh(in: fixture.context).available)
            #expect(before.bytes < after.bytes + (8 << 20))
            #expect(try fixture.read("clone") == fixture.read("origin"))
        }
    }

    /// What is shared is of one moment, as after a power failure.
    @Test func `A clone of an image that QEMU writes to is made where it shares its blocks`() async throws {
        try await withBtrfs { mount in
            try FileManager.default.createDirectory(
                atPath: mount.appending("p").string, withIntermediateDirectories: false)
            let fixture = try await DirectoryFixture(in: mount.appending("p"))
            try await run("qemu-img", ["create", "-q", "-f", "qcow2", fixture.path("origin"), "1M"])
            let guest = try LocalFile(fixture.path("origin"), .readWrite)
            lockAsQEMU(guest.descriptor.rawValue)
            let volume = try await fixture.volume("origin")
            var definition = volume.definition
            definition.name = "clone"
            _ = try await fixture.pool.createVolume(
                VolumeRequest(definition, origin: .init(volume: volume, pool: fixture.pool)), in: fixture.context)
            #expect(try fixture.read("clone") == fixture.read("origin"))
        }
    }

    @Test func `Labels are shown where files have them`() async throws {
        try await withBtrfs { mount in
            let path = mount.appending("p").string
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            let label = "system_u:object_r:virt_image_t:s0"
            let fixture = try await DirectoryFixture(in: mount.appending("p"))
            let file = try fixture.write("a", [1])
            for path in [path, file] {
                let descriptor = try FileDescriptor.open(path, .readOnly)
                #expect(san_file_set_label(descriptor.rawValue, label) == 0)
                try descriptor.close()
            }
            let snapshot = try await fixture.pool.refresh(in: fixture.context)
            #expect(snapshot.permissions?.label == label)
            #expect(snapshot.volumes.first?.definition.target.permissions?.label == label)
        }
    }

    private func withBtrfs(_ body: (FilePath) async throws -> Void) async throws {
        try await withFileSystem("btrfs", ["-q"], body)
    }
}
