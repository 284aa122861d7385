import SANHost
import SANModel
import SANTestSupport
import Testing

@Suite("The SCSI hosts of a real kernel", .serialized, .timeLimit(.minutes(5)))
struct HostLabTests {
    @Test("the computed by-path name is udev's own link, on every SCSI block device of the lab (L21, L24, L28)")
    func byPathNames() async throws {
        try await Lab.run { lab in
            let disks = [try await lab.disk(size: 16 << 20), try await lab.disk(size: 16 << 20)]
            let target = try await lab.target(portals: ["10.99.0.1:3260"])
            try target.addLUN(0, disks[0])
            try target.addLUN(200, disks[1])
            let initiator = try await lab.initiator()
            _ = try await initiator.discover()
            try await initiator.logIn(target.iqn)
            let fabric = try await lab.fabric()
            let wwpn = WWN(0x5001_4380_0000_0001)
            try fabric.addLUN(0, try await lab.disk(size: 16 << 20), to: fabric.host.wwpn)
            try fabric.addLUN(0, try await lab.disk(size: 16 << 20), to: wwpn)
            try await fabric.connect()
            _ = try await fabric.createVport(wwpn, WWN(0x5001_4380_0000_0000))
            let host = HostRoot("/")
            try await lab.wait(for: "the disks of every kind") {
                let names = try SCSIUnit.all(on: host).filter { $0.udev?.isInitialized == true }
                    .map { try $0.byPathName() ?? "" }
                return ["-ata-", "-scsi-", "-lun-200", "0000:00:10.0-fc-", "-vport-"].allSatisfy { kind in
                    names.contains { $0.contains(kind) }
                }
            }
            try await lab.settle()

            for unit in try SCSIUnit.all(on: host) {
                guard let block = unit.block, let record = unit.udev else { continue }
                let name = try unit.byPathName()
                print("\(unit.hctl) \(block.name) \(name ?? "has no name")")
                // Udev's own word is without our rules.
                #expect(try unit.idPath() == record[property: "ID_PATH"], "\(unit.hctl)")
                let links = record.links(in: UdevRecord.pathFolder)
                #expect(links.isEmpty == (name == nil), "\(unit.hctl): \(links)")
                guard let name else { continue }
                #expect(links.contains("\(UdevRecord.pathFolder)/\(name)"), "\(unit.hctl): \(links)")
            }
        }
    }
}
