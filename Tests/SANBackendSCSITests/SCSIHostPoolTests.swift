import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendSCSI

@Suite("A pool of a physical HBA")
struct SCSIHostPoolTests {
    @Test(
        "by its name: that host is scanned and no other, and its disks are listed", arguments: ["scsi_host0", "host0"])
    func named(_ name: String) async throws {
        let fixture = try SCSIFixture()
        let pool = try await fixture.start(SCSIFixture.definition(.scsiHost(name: name)))
        #expect(fixture.hba.log.isEmpty)
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(fixture.hba.log == ["scan 0 - -"])
        #expect(snapshot.volumes.map(\.path) == ["/dev/disk/by-path/pci-0000:00:08.0-scsi-0:0:0:0"])
        #expect(snapshot.problems.isEmpty)
        #expect(try await !pool.deactivate(in: fixture.context()).isChanged)
    }

    @Test("a Fibre Channel HBA is asked for the targets that are online only (L18)")
    func fibreChannel() async throws {
        let fixture = try SCSIFixture()
        let pool = try await fixture.start(SCSIFixture.definition(.scsiHost(name: "fc_host8")))
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(fixture.hba.log == ["scan 8 0 0"])
        #expect(snapshot.volumes.map(\.key) == ["36001405aaaa000100000000000000000"])
        #expect(
            snapshot.volumes.map(\.path) == ["/dev/disk/by-path/pci-0000:00:02.0-fc-0x2000525400fc0101-lun-0"])
    }

    @Test("a LUN that is another one by now is its volume's problem, in a refresh and when it is looked at (L01, L08)")
    func stale() async throws {
        let interview = ScriptedInterview()
        let fixture = try SCSIFixture(interview: interview)
        let unit = try #require(try SCSIUnit.all(ofHost: 0, on: fixture.captured.root).first)
        let pool = try await fixture.start(SCSIFixture.definition(.scsiHost(name: "host0")))
        interview.answer(
            unit, .success(LiveIdentity(inquiry: try #require(unit.inquiry), identification: unit.identification)))
        let good = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
        #expect(good.problems.isEmpty, "\(good.problems)")
        try interview.answer(unit, naa: SCSIAnswer.naa(3))
        let listed = try await pool.refresh(in: fixture.context())
        #expect(listed.problems.isEmpty)
        #expect(listed.volumes.first?.problems.map(\.code) == [.invalidState])
        let seen = try await pool.inspect(good, in: fixture.context())
        #expect(seen.problems == listed.volumes.first?.problems)
        #expect(interview.asked.allSatisfy { $0.host == 0 }, "only the pool's own units are asked")
    }

    @Test("a LUN of another host with the same WWID and another size (L04, L10)")
    func sharedIdentity() async throws {
        let fixture = try SCSIFixture()
        let page = try #require(try SCSIUnit.all(ofHost: 8, on: fixture.captured.root).first?.folder)
            .bytes("vpd_pg83", limit: 4096)
        let own = try #require(try SCSIUnit.all(ofHost: 0, on: fixture.captured.root).first?.folder.path)
        try fixture.captured.write(own + "/vpd_pg83", try #require(page))
        let pool = try await fixture.start(SCSIFixture.definition(.scsiHost(name: "host0")))
        let problems = try #require(try await pool.refresh(in: fixture.context()).volumes.first).problems
        #expect(problems.map(\.code) == [.invalidState])
        #expect(problems.first?.message.hasPrefix("0:0:0:0, 8:0:0:0 have one WWID") == true, "\(problems)")
    }

    @Test("a host that isn't there can't be started, and isn't active")
    func missing() async throws {
        let fixture = try SCSIFixture()
        let definition = SCSIFixture.definition(.scsiHost(name: "host99"))
        await expect(.notFound) { try await fixture.start(definition) }
        #expect(try await fixture.backend.adopt(definition, in: fixture.context()) == nil)
    }

    @Test("what could never work is refused when it is defined")
    func validation() throws {
        let backend = try SCSIFixture().backend
        #expect(throws: StorageError.self) { try backend.validate(SCSIFixture.definition(.scsiHost(name: "eth0"))) }
        #expect(throws: StorageError.self) { try backend.validate(SCSIFixture.definition { $0.parent = "pci_0" }) }
        var outside = SCSIFixture.definition(.scsiHost(name: "host0"))
        outside.target = PoolTarget(path: "/srv")
        #expect(throws: StorageError.self) { try backend.validate(outside) }
    }

    @Test("a PCI function is the nearest one above the host, exactly, and a virtual port on it doesn't count")
    func parentAddress() throws {
        let captured = try CapturedHost(Capture.hosts, Capture.vport)
        let hosts = SysfsSCSIHosts(host: captured.root)
        func number(_ address: String, _ id: UInt32?) throws -> UInt32 {
            try hosts.host(onFunction: try #require(PCIAddress(address)), uniqueID: id).number
        }
        #expect(try number("0000:00:1f.2", 1) == 2)
        #expect(try number("0000:00:1f.2", 6) == 7)
        #expect(try number("0000:00:08.0", 0) == 0)
        #expect(try number("0000:00:08.0", nil) == 0)
        #expect(try number("0000:00:09.0", 49152) == 1)
        // The virtual port's host is below this function, and has unique_id 0 as well.
        #expect(try number("0000:00:02.0", 0) == 8)
        #expect(try number("0000:00:02.0", nil) == 8)
        for (address, id) in [("0000:00:1f.2", 9), ("0000:00:1f.1", 1), ("0000:00:08.1", nil)] as [(String, UInt32?)] {
            #expect(throws: StorageError.self) { try number(address, id) }
        }
        let error = #expect(throws: StorageError.self) { try number("0000:00:1f.2", nil) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("scsi_host7 (unique_id 6)") == true)
    }

    @Test("adapters are resolved for the check for duplicate sources")
    func duplicates() throws {
        let captured = try CapturedHost(Capture.hosts)
        let hosts = SysfsSCSIHosts(host: captured.root)
        var port = PoolSource.FibreChannel(wwnn: Capture.wwnn, wwpn: Capture.wwpn)
        #expect(hosts.host(of: port) == nil)
        #expect(hosts.parentHost(of: port) == nil)
        port.parentFabricWWN = WWN(0x1000_00FC_FAB0_0001)
        #expect(hosts.parentHost(of: port) == 8)
        port.parent = "host9"
        #expect(hosts.parentHost(of: port) == 9)
        try captured.add(Capture.vport)
        #expect(hosts.host(of: port) == 10)
        #expect(hosts.parentHost(of: port) == 8)
    }
}
