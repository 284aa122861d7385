import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendSCSI

@Suite("Bytes of scsi pools on real HBAs", .serialized, .timeLimit(.minutes(10)))
struct SCSIPoolDataLabTests {
    private static let size = 9 << 20

    /// A disk with two paths, each on a SCSI host of its own (an iSCSI session's), and a pool on the first.
    ///
    /// Not `scsi_debug`: with `scsi_dh_alua`, which multipath loads, its ports say that they are unavailable.
    private func pool(_ lab: Lab) async throws -> (host: GuestEngine, volume: Volume, other: String) {
        let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
        try await target.addLUN(0, size: UInt64(Self.size), attributes: ["emulate_tpu": "1"])
        let initiator = try await lab.initiator()
        try await initiator.discover()
        try await initiator.logIn(target.iqn)
        try await lab.settle()
        let sessions = try ISCSISession.all(target: target.iqn, on: HostRoot("/"))
        #expect(sessions.count == 2)
        let host = try GuestEngine()
        let number = try #require(sessions.first?.hostNumber)
        _ = try await host.engine.createPool(SCSIFixture.definition(.scsiHost(name: "host\(number)")))
        let volume = try #require(try await host.volumes().first)
        #expect(volume.problems.isEmpty, "\(volume.problems)")
        return (host, volume, try #require(try sessions.last?.units().first?.block?.node))
    }

    @Test("every byte to the last block is written, read and wiped")
    func everyByte() async throws {
        try await Lab.run { lab in
            let (host, volume, _) = try await pool(lab)
            let bytes = LocalEnds.pattern(Self.size)
            let summary = try await host.upload(bytes, to: volume.name)
            #expect(summary.bytes.bytes == UInt64(Self.size))
            #expect(try await host.download(volume.name) == bytes)
            let tail = try await host.download(volume.name, at: UInt64(Self.size - 1000), length: 1000)
            #expect(tail.elementsEqual(bytes.suffix(1000)))
            #expect(try await host.wipe(volume.name).bytes.bytes == UInt64(Self.size))
            let zeros = [UInt8](repeating: 0, count: Self.size)
            #expect(try await host.download(volume.name) == zeros)
            // Only the last block is written, and given back with all the others.
            _ = try await host.upload(LocalEnds.pattern(512), to: volume.name, at: UInt64(Self.size - 512))
            #expect(try await host.download(volume.name).suffix(512).elementsEqual(LocalEnds.pattern(512)))
            _ = try await host.wipe(volume.name, .trim)
            #expect(try await host.download(volume.name) == zeros)
            await expect(.invalidArgument, "has room for") {
                try await host.upload(bytes, to: volume.name, at: 512)
            }
        }
    }

    @Test("a disk that is mounted is neither written nor wiped, by whichever of its paths it is mounted (L34)")
    func inUse() async throws {
        try await Lab.run { lab in
            let (host, volume, other) = try await pool(lab)
            let folder = lab.folder.appending("mount")
            try LabFile.makeFolder(folder)
            try await lab.run("mkfs.ext2", "-q", volume.path)
            let before = try await host.download(volume.name)
            for path in [volume.path, other] {
                try await lab.run("mount", "-o", "ro,noload", "-t", "ext4", path, folder.string)
                await expect(.busy, "mounted at \(folder)", "unmount it first") {
                    try await host.upload([1], to: volume.name)
                }
                await expect(.busy, "mounted at \(folder)") { try await host.wipe(volume.name) }
                await expect(.busy, "mounted at \(folder)") { try await host.wipe(volume.name, .trim) }
                // It can be read.
                #expect(try await host.download(volume.name) == before)
                try await lab.run("umount", folder.string)
            }
            try await lab.run("mkswap", other)
            try await lab.run("swapon", other)
            await expect(.busy, "used as swap", "switch the swap off") { try await host.wipe(volume.name) }
            try await lab.run("swapoff", other)
            #expect(try await host.wipe(volume.name).bytes.bytes == UInt64(Self.size))
        }
    }

    @Test("a path of a multipath map is written through the map, and not past it (L36)")
    func underAMap() async throws {
        try await Lab.run { lab in
            let (host, volume, other) = try await pool(lab)
            let wwid = try #require(volume.unit?.wwid)
            let multipath = try await lab.multipath()
            try await multipath.map(wwid, paths: 2)
            let map = "/dev/mapper/\(wwid)"
            let seen = try await host.engine.refreshPool("p")
            #expect(seen.problems.isEmpty, "\(seen.problems)")
            #expect(try await host.volumes().first?.unit?.multipath == map)
            // The kernel lets nobody open the path for himself while the map has it: this goes through the map, or not at all.
            let bytes = LocalEnds.pattern(Self.size)
            #expect(try await host.upload(bytes, to: volume.name).bytes.bytes == UInt64(Self.size))
            #expect(try await host.download(volume.name) == bytes)
            #expect(try await host.wipe(volume.name).bytes.bytes == UInt64(Self.size))

            let folder = lab.folder.appending("mount")
            try LabFile.makeFolder(folder)
            try await lab.run("mkfs.ext2", "-q", map)
            try await lab.run("mount", map, folder.string)
            await expect(.busy, "mounted at \(folder)") { try await host.wipe(volume.name) }
            try await lab.run("umount", folder.string)

            // The path is a path of its LUN also when multipathd has let it go.
            let name = try #require(volume.unit?.paths.first?.device)
            try await multipath.command("del", "path", name)
            try await multipath.map(wwid, paths: 1)
            try await lab.run("mount", map, folder.string)
            await expect(.busy, "mounted at \(folder)") { try await host.wipe(volume.name) }
            try await lab.run("umount", folder.string)
            // Somebody who has the path open past the map.
            async let program = lab.attempt("flock", [other, "sleep", "25"])
            try await lab.wait(for: "flock to open the path") {
                let name = String(other.dropFirst("/dev/".count))
                let device = try #require(try BlockDevice.named(name, on: HostRoot("/")))
                return try DeviceUsers.of(device).contains { "\($0)".contains("flock") }
            }
            await expect(.busy, "open by flock") { try await host.wipe(volume.name) }
            _ = try await program
            #expect(try await host.wipe(volume.name).bytes.bytes == UInt64(Self.size))
        }
    }

    @Test("a LUN whose number means another one is named, and refused; one that vanished is not found (L01)")
    func gone() async throws {
        try await Lab.run { lab in
            let fabric = try await lab.fabric()
            // Small: where the kernel gives up on WRITE SAME, zeros go over the fabric, which moves some kilobytes a second.
            let (first, second) = (try await lab.disk(size: 256 << 10), try await lab.disk(size: 256 << 10))
            try fabric.addLUN(0, first, to: fabric.host.wwpn)
            try await fabric.connect()
            let host = try GuestEngine()
            _ = try await host.engine.createPool(
                SCSIFixture.definition(.scsiHost(name: try #require(fabric.host.name))))
            let volume = try #require(try await host.volumes().first)
            try fabric.removeLUN(0, of: fabric.host.wwpn)
            try fabric.addLUN(0, second, to: fabric.host.wwpn)
            let status = try await host.engine.refreshPool("p")
            let problems = try #require(try await host.volumes().first).problems
            #expect(
                problems.contains { $0.message.contains("is another unit than the kernel's data of it say") },
                "\(status.problems) \(problems)")
            await expect(.invalidState, "another unit") { try await host.wipe(volume.name) }
            await expect(.invalidState, "another unit") { try await host.upload([1], to: volume.name) }
            // What is there now isn't what was listed, also when the kernel has looked again.
            let device = try #require(volume.unit?.paths.first?.device)
            try LabFile.set(FilePath("/sys/block/\(device)/device/delete"), "1")
            await expect(.notFound, "is gone") { try await host.wipe(volume.name) }
            try await lab.run("udevadm", "settle", "--timeout=110")
            _ = try await host.engine.refreshPool("p")
            #expect(try await host.volumes().first?.unit?.serial == second.serial)
            #expect(try await host.wipe(volume.name).bytes == ByteCount(256 << 10))
        }
    }
}
