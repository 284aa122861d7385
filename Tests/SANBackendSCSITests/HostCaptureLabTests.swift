import SANHost
import SANModel
import SANTestSupport
import Testing

@Suite("Captures of a real kernel", .serialized, .timeLimit(.minutes(5)))
struct HostCaptureLabTests {
    @Test("an expanded capture has the machine's units, their identities, links and names")
    func units() async throws {
        try await Lab.run { lab in
            let disk = try await lab.disk(size: 16 << 20)
            let target = try await lab.target(portals: ["10.99.0.1:3260"])
            try target.addLUN(7, disk)
            let initiator = try await lab.initiator()
            _ = try await initiator.discover()
            try await initiator.logIn(target.iqn)
            let machine = HostRoot("/")
            try await lab.wait(for: "the disk and its links") {
                try SCSIUnit.all(on: machine).contains { $0.hctl.lun.number == 7 && $0.udev?.isInitialized == true }
            }
            try await lab.settle()

            let captured = try CapturedHost(try HostCapture(machine).text(remark: "the lab"))
            let units = try SCSIUnit.all(on: machine)
            let again = try SCSIUnit.all(on: captured.root)
            #expect(again.map(\.hctl) == units.map(\.hctl))
            #expect(again.map(\.wwid) == units.map(\.wwid))
            #expect(again.map(\.serial) == units.map(\.serial))
            #expect(again.map(\.block?.number) == units.map(\.block?.number))
            #expect(again.map(\.block?.capacity) == units.map(\.block?.capacity))
            #expect(again.map(\.udev?.links) == units.map(\.udev?.links))
            #expect(try again.map { try $0.byPathName() } == units.map { try $0.byPathName() })
            let session = try #require(try ISCSISession.all(on: captured.root).first)
            #expect(session.target == target.iqn)
            #expect(units.contains { $0.wwid == disk.wwid })
        }
    }
}
