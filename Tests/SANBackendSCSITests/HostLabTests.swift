import SANHost
import SANModel
import SANTestSupport
import Testing

@Suite("The SCSI hosts of a real kernel", .serialized)
struct HostLabTests {
    @Test("the computed by-path name is udev's own link, on every SCSI block device of the lab (L21, L24, L28)")
    func byPathNames() async throws {
        try await Lab.run { lab in
            let disks = [try await lab.disk(size: 16 << 20), try await lab.disk(size: 16 << 20)]
            let target = try await lab.target(portals: ["10.99.0.1:3260"])
            try target.addLUN(0, disks[0])
            try target.addLUN(200, disks[1])
            // As the kernel's file has it for root, beside what a capture takes.
            try target.requireCHAP("sanlab-user", "sanlab-secret-1")
            let initiator = try await lab.initiator()
            _ = try await initiator.discover()
            for (key, value) in [("authmethod", "CHAP"), ("username", "sanlab-user"), ("password", "sanlab-secret-1")] {
                try await initiator.administer(
                    "-m", "node", "-T", target.iqn, "-o", "update", "-n", "node.session.auth.\(key)", "-v", value)
            }
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
                #expect(try unit.idPath() == record.properties["ID_PATH"], "\(unit.hctl)")
                let links = record.links(in: UdevRecord.pathFolder)
                #expect(links.isEmpty == (name == nil), "\(unit.hctl): \(links)")
                guard let name else { continue }
                #expect(links.contains("\(UdevRecord.pathFolder)/\(name)"), "\(unit.hctl): \(links)")
            }
            try await captures(host, disks, wwpn)
        }
    }

    /// A capture of the guest, expanded, gives the guest's own answers; with names replaced it has none of them, and still hangs together.
    private func captures(_ host: HostRoot, _ disks: [LabDisk], _ wwpn: WWN) async throws {
        let folder = try TemporaryFolder()
        let engine = HostCaptureTests.engine(host, folder)
        let capture = try await engine.capture()
        #expect(capture.problems.isEmpty, "\(capture.problems)")
        let text = capture.text(remark: "test")
        #expect(!text.contains("sanlab-secret-1"))
        #expect(text.contains("/sanctl-capture/iscsiadm_-m_session_-P_1 "))
        let copy = try CapturedHost(text)
        let answers = try await Answers(engine)
        #expect(try await Answers(HostCaptureTests.engine(copy.root, folder)) == answers)
        #expect(answers.units.count >= 9)

        let replaced = capture.replacingNames().text(remark: "test").lowercased()
        #expect(!replaced.contains("sanlab-user"))
        for name in disks.map(\.serial) + [
            wwpn.description, "iqn.2013-06.com.example", "10.99.0.1", "2000525400fc0001",
        ] {
            #expect(!replaced.contains(name.lowercased()), "\(name)")
        }
        let other = try CapturedHost(capture.replacingNames().text(remark: "test"))
        #expect(try await Answers(HostCaptureTests.engine(other.root, folder)).units.count == answers.units.count)
        for unit in try SCSIUnit.all(on: other.root) {
            guard let name = try unit.byPathName() else { continue }
            #expect(
                unit.udev?.links(in: UdevRecord.pathFolder).contains("\(UdevRecord.pathFolder)/\(name)") == true,
                "\(name)")
        }
    }
}
