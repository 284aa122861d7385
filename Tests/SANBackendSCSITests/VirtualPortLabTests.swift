import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendSCSI

@Suite("Virtual ports on a fabric, and what becomes of them", .serialized, .timeLimit(.minutes(10)))
struct VirtualPortLabTests {
    private static let wwpn = WWN(0x5001_4380_0000_0001)
    private static let wwnn = WWN(0x5001_4380_0000_0000)

    private func definition(_ fabric: LabFabric, managed: Bool? = nil) -> PoolDefinition {
        var port = PoolSource.FibreChannel(wwnn: Self.wwnn, wwpn: Self.wwpn)
        port.parentWWNN = fabric.host.wwnn
        port.parentWWPN = fabric.host.wwpn
        port.managed = managed
        return SCSIFixture.definition(.fibreChannel(port))
    }

    private var isThere: Bool { LabFabric.scsiHost(of: Self.wwpn) != nil }

    @Test(
        "a port that was there is used, and left or deleted as `managed` says, with the map that multipathd made of its disk"
    )
    func managed() async throws {
        try await Lab.run { lab in
            let fabric = try await lab.fabric()
            let disk = try await lab.disk(size: 8 << 20)
            try fabric.addLUN(0, disk, to: Self.wwpn)
            try await fabric.connect()
            let host = try GuestEngine()
            let name = try await fabric.createVport(Self.wwpn, Self.wwnn)
            let left = try await host.engine.createPool(definition(fabric, managed: false))
            #expect(left.value.volumeCount == 1, "\(left.value.problems)")
            _ = try await host.engine.stopPool("p")
            #expect(LabFabric.scsiHost(of: Self.wwpn) == name)
            // Without the attribute a port that somebody else made is his.
            _ = try await host.engine.createPool(definition(fabric))
            _ = try await host.engine.stopPool("p")
            #expect(LabFabric.scsiHost(of: Self.wwpn) == name)

            let multipath = try await lab.multipath()
            try await multipath.map(disk.wwid, paths: 1)
            _ = try await host.engine.createPool(definition(fabric, managed: true))
            let volume = try #require(try await host.volumes().first)
            #expect(volume.unit?.multipath == "/dev/mapper/\(disk.wwid)")
            let folder = lab.folder.appending("mount")
            try LabFile.makeFolder(folder)
            try await lab.run("mkfs.ext2", "-q", "/dev/mapper/\(disk.wwid)")
            try await lab.run("mount", "/dev/mapper/\(disk.wwid)", folder.string)
            await expect(.busy, "mounted at \(folder)") { try await host.engine.stopPool("p") }
            #expect(isThere && LabMultipath.paths(of: disk.wwid).count == 1)
            try await lab.run("umount", folder.string)
            #expect(try await host.engine.stopPool("p").isChanged)
            #expect(!isThere)
            #expect(LabMultipath.maps[disk.wwid] == nil)
        }
    }

    @Test("a start that is killed when it has made its port: the next start takes it over, and its stop deletes it")
    func killed() async throws {
        try await Lab.run { lab in
            let fabric = try await lab.fabric()
            try fabric.addLUN(0, try await lab.disk(size: 8 << 20), to: Self.wwpn)
            try await fabric.connect()
            let host = try GuestEngine()
            _ = try await host.engine.definePool(definition(fabric))
            let folder = host.folder
            let program = try #require(LabFile.resolve("/proc/self/exe")).removingLastComponent().appending("sanctl")
            async let start = lab.attempt(
                "env",
                [
                    "SANCTL_CONFIG_DIR=\(folder.appending("etc"))", "SANCTL_STATE_DIR=\(folder.appending("lib"))",
                    "SANCTL_RUNTIME_DIR=\(folder.appending("run"))", program.string, "pool", "start", "p",
                ])
            try await lab.wait(for: "the port") { isThere }
            let process = try #require(
                LabFile.names(in: "/proc").first { process in
                    // Others end while they are looked at.
                    let words = try? LabFile.read(FilePath("/proc/\(process)/cmdline"))
                    return words?.contains("\(program)\0pool\0start\0p") == true && words?.hasPrefix("env") == false
                })
            try await lab.run("kill", "-KILL", process)
            _ = try? await start  // it ended by a signal

            #expect(isThere)
            #expect(try await host.engine.pool("p").state != .running)
            let again = try await host.engine.startPool("p")
            #expect(again.value.state == .running, "\(again.value.problems)")
            #expect(try await host.volumes().count == 1)
            _ = try await host.engine.stopPool("p")
            #expect(!isThere)
            // Everything begins again with nothing. A port that somebody deletes by hand leaves no note that it was the pool's.
            _ = try await host.engine.startPool("p")
            let activations = ActivationStore(runtime: folder.appending("run"), host: HostRoot("/"))
            #expect(try activations.load(pool: "p") != nil)
            try await fabric.deleteVport(Self.wwpn, Self.wwnn)
            #expect(try await host.engine.stopPool("p").isChanged)
            #expect(try activations.load(pool: "p") == nil)
        }
    }
}
