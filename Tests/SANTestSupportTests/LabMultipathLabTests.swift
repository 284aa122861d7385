import SANTestSupport
import SystemPackage
import Testing

@Suite("The lab's multipath maps", .timeLimit(.minutes(5)))
struct LabMultipathLabTests {
    @Test("two portals of one target are two paths of one map")
    func maps() async throws {
        try await Lab.run { lab in
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            let disk = try await target.addLUN(0)
            let multipath = try await lab.multipath()
            #expect(LabMultipath.maps.isEmpty)
            let initiator = try await lab.initiator()
            try await initiator.discover()
            try await initiator.logIn(target.iqn)
            try await multipath.map(disk.wwid, paths: 2)
            #expect(LabFile.exists(FilePath("/dev/disk/by-id/dm-uuid-mpath-\(disk.wwid)")))
            #expect(try await multipath.command("show", "paths", "raw", "format", "%w %t").contains(disk.wwid))
        }
        #expect(LabMultipath.maps.isEmpty)
    }
}
