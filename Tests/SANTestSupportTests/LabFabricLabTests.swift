import SANModel
import SANTestSupport
import SystemPackage
import Testing

@Suite("The lab's Fibre Channel fabric", .timeLimit(.minutes(5)))
struct LabFabricLabTests {
    @Test("a host and a vport of it each see the LUN that is theirs")
    func seesLUNs() async throws {
        let wwpn = WWN(0x5001_4380_0000_0001)
        let wwnn = WWN(0x5001_4380_0000_0000)
        try await Lab.run { lab in
            let fabric = try await lab.fabric()
            let disks = [try await lab.disk(size: 32 << 20), try await lab.disk(size: 64 << 20)]
            try fabric.addLUN(0, disks[0], to: fabric.host.wwpn)
            try fabric.addLUN(0, disks[1], to: wwpn)
            try await fabric.connect()
            let host = try #require(fabric.host.name)
            #expect(fabric.host.wwpn == WWN("2000525400fc0001"))
            try await lab.wait(for: "the host's LUN") { LabFile.disks(of: host).count == 1 }
            let virtual = try await fabric.createVport(wwpn, wwnn)
            try await lab.wait(for: "the vport's LUN") { LabFile.disks(of: virtual).count == 1 }
            try await lab.settle()
            for (host, disk) in zip([host, virtual], disks) {
                let device = try #require(LabFile.disks(of: host).first)
                let serial = try await lab.run(
                    "udevadm", "info", "--query=property", "--property=ID_SERIAL", "--value", "/dev/\(device)")
                #expect(serial == "\(disk.wwid)\n")
            }
            let link = "pci-\(fabric.host.pciAddress)-fc-0x\(fabric.target.wwpn)-lun-0"
            #expect(LabFile.names(in: "/dev/disk/by-path").contains(link))

            try await fabric.setCable(of: fabric.host, isPlugged: false)
            try await lab.wait(for: "the host to be logged out") { !fabric.host.isLoggedIn }
            try await fabric.setCable(of: fabric.host, isPlugged: true)
            try await fabric.waitForLogin(of: fabric.host)
            try await fabric.deleteVport(wwpn, wwnn)
            #expect(LabFabric.scsiHost(of: wwpn) == nil)
        }
        #expect(LabFile.names(in: "/sys/class/fc_host").isEmpty)
    }

    @Test("a second fabric comes up after the first one's end")
    func comesAgain() async throws {
        try await Lab.run { lab in
            let fabric = try await lab.fabric()
            try await fabric.connect()
            #expect(fabric.target.isLoggedIn)
        }
    }
}
