import SANTestSupport
import SystemPackage
import Testing

@Suite("The lab's iSCSI target and initiator", .timeLimit(.minutes(5)))
struct LabTargetLabTests {
    private let iqn = "iqn.2013-06.com.example:iscsi-pool"

    @Test("a target with two portals is discovered, logged in to, and has a link for each path")
    func logsIn() async throws {
        try await Lab.run { lab in
            let portals = ["10.99.0.1:3260", "10.99.0.2:3261"]
            let target = try await lab.target(iqn, portals: portals)
            let disk = try await target.addLUN(0, size: 32 << 20)
            try await target.addLUN(1, blockSize: 4096)
            let initiator = try await lab.initiator()
            #expect(try await initiator.discover() == portals.map { "\($0),1 \(iqn)" })
            try await initiator.logIn(iqn)
            #expect(initiator.sessions.count == 2)
            for (portal, lun) in portals.flatMap({ portal in [0, 1].map { (portal, $0) } }) {
                let link = "/dev/disk/by-path/ip-\(portal)-iscsi-\(iqn)-lun-\(lun)"
                #expect(LabFile.exists(FilePath(link)), "\(link) of \(LabFile.names(in: "/dev/disk/by-path"))")
            }
            let device = "/dev/disk/by-path/ip-10.99.0.1:3260-iscsi-\(iqn)-lun-0"
            #expect(try await lab.run("blockdev", "--getsize64", device) == "\(32 << 20)\n")
            #expect(
                try await lab.run("udevadm", "info", "--query=property", "--property=ID_SERIAL", "--value", device)
                    == "\(disk.wwid)\n")
            let large = "/dev/disk/by-path/ip-10.99.0.1:3260-iscsi-\(iqn)-lun-1"
            #expect(try await lab.run("blockdev", "--getss", large) == "4096\n")
        }
        #expect(LabFile.names(in: "/sys/class/iscsi_session").isEmpty)
        #expect(!LabFile.exists(FilePath("/sys/kernel/config/target/iscsi/\(iqn)")))
    }
}
