import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendSCSI

@Suite("The SCSI hosts of a captured machine")
struct HostTests {
    private func engine(_ fixture: SCSIFixture) -> StorageEngine {
        StorageEngine(
            EngineConfiguration(
                configuration: fixture.runtime.appending("etc"), state: fixture.runtime.appending("lib"),
                runtime: fixture.runtime.path, volatile: fixture.runtime.path, host: fixture.captured.root,
                commands: SubprocessRunner(), timeout: .seconds(300), logger: Logger(label: "test")),
            backends: [fixture.backend], hbas: fixture.backend.hbas)
    }

    /// A host that has the virtual port with its two LUNs too.
    private func full() throws -> SCSIFixture {
        let fixture = try SCSIFixture()
        for capture in [Capture.vport, Capture.targets, Capture.units, Capture.udev] {
            try fixture.captured.add(capture)
        }
        return fixture
    }

    @Test("are listed with transport, PCI address, ports and units")
    func list() async throws {
        let hosts = try await engine(try full()).hosts()
        #expect(hosts.map(\.scsiHost.number) == Array(0...10))
        #expect(
            hosts.map(\.transport.rawValue).prefix(9) == [
                "scsi", "scsi", "ata", "ata", "ata", "ata", "ata", "ata", "fc",
            ])
        #expect(hosts[0].scsiHost.pciAddress == PCIAddress("0000:00:08.0"))
        #expect(hosts.map(\.unitCount) == [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2])
        #expect(hosts[8].remotePorts.filter(\.isReady).map(\.targetID) == [0])
        #expect(hosts[8].capabilities == [.scsiHost, .fibreChannel, .vports])
        #expect(hosts[10].capabilities == [.scsiHost, .fibreChannel])
        #expect(hosts[10].port?.virtual?.parent == 8)
    }

    @Test(
        "are found by name, PCI address and WWPN",
        arguments: [
            ("scsi_host8", 8), ("host8", 8), ("fc_host8", 8), ("0000:00:02.0", 8), ("5001438000000001", 10),
            ("0x5001438000000001", 10), ("0000:00:08.0", 0),
        ] as [(String, UInt32)])
    func references(_ reference: String, _ number: UInt32) async throws {
        #expect(try await engine(try full()).host(reference).scsiHost.number == number)
    }

    @Test("what fits several hosts, and rubbish, is refused")
    func rubbish() async throws {
        let engine = engine(try full())
        await expect(.invalidArgument, "scsi_host2, scsi_host3") { try await engine.host("0000:00:1f.2") }
        for name in ["", "host", "host99", "scsi_host-1", "host4294967296", "../host0", "sda", "host0\u{1b}[2J"] {
            await expect(.notFound, "host list") { try await engine.host(name) }
        }
    }

    @Test("the units of a virtual port have the links that our rules give them, and none is missing")
    func units() async throws {
        let fixture = try full()
        let (host, units) = try await engine(fixture).hostWithUnits("scsi_host10")
        #expect(host.problems.isEmpty, "\(host.problems)")
        #expect(units.flatMap(\.problems).isEmpty, "\(units.flatMap(\.problems))")
        #expect(
            units.map(\.path)
                == [0, 7].map {
                    "/dev/disk/by-path/pci-0000:00:02.0-vport-0x5001438000000001-fc-0x2000525400fc0101-lun-\($0)"
                })
        let computed = try units.map { try $0.unit.byPathName() }
        #expect(computed == units.map { $0.path.map { String($0.dropFirst("/dev/disk/by-path/".count)) } })
        for number in [0, 8] as [UInt32] {
            let unit = try #require(try await engine(fixture).hostWithUnits("host\(number)").units.first)
            #expect(try unit.unit.byPathName().map { "/dev/disk/by-path/\($0)" } == unit.path)
        }
    }

    @Test(
        "a virtual port's disk without its own link says that the rules are missing; one that udev hasn't seen says so")
    func missingLinks() async throws {
        let fixture = try full()
        let record = "/run/udev/data/b8:32"
        let text = try fixture.captured.read(record)
        let plain = text.split(separator: "\n").filter { !$0.hasPrefix("S:disk/by-path") }.joined(separator: "\n")
        try fixture.captured.write(record, plain + "\nS:disk/by-path/pci-0000:00:02.0-fc-0x2000525400fc0101-lun-0\n")
        var unit = try #require(try await engine(fixture).hostWithUnits("host10").units.first)
        #expect(unit.problems.first?.message.contains("udev rules installed") == true, "\(unit.problems)")
        #expect(unit.path == "/dev/disk/by-path/pci-0000:00:02.0-fc-0x2000525400fc0101-lun-0")
        try fixture.captured.remove(path: record)
        unit = try #require(try await engine(fixture).hostWithUnits("host10").units.first)
        #expect(unit.problems.first?.message.contains("hasn't finished") == true, "\(unit.problems)")
        #expect(unit.path == nil)
    }

    // MARK: Scans

    @Test("a scan tells what came, with its disks and links; a second one that nothing is new")
    func scan() async throws {
        let fixture = try SCSIFixture()
        try fixture.captured.add(Capture.vport)
        try fixture.captured.add(Capture.targets)
        let engine = engine(fixture)
        var outcome = try await engine.scanHost("host10", asking: ScriptedInterview())
        #expect(fixture.hba.log == ["scan 10 0 0"])
        #expect(outcome.isChanged)
        #expect(outcome.came.map(\.unit.block?.name) == ["sdc", "sdd"])
        #expect(outcome.came.flatMap(\.problems).isEmpty)
        #expect(outcome.host.unitCount == 2)
        let interview = ScriptedInterview()
        for unit in outcome.came.map(\.unit) { try interview.answer(unit) }
        outcome = try await engine.scanHost("host10", asking: interview)
        #expect(!outcome.isChanged)
        #expect(outcome.stale.isEmpty)
    }

    @Test("a scan that udev doesn't follow ends in time, and says what is missing")
    func silentUdev() async throws {
        let fixture = try SCSIFixture(PlayedHBA.Script(hasUdev: false))
        try fixture.captured.add(Capture.vport)
        try fixture.captured.add(Capture.targets)
        let outcome = try await engine(fixture)
            .scanHost("host10", disks: .milliseconds(50), asking: ScriptedInterview())
        #expect(outcome.came.count == 2)
        #expect(outcome.came.first?.problems.first?.message.contains("-vport-0x5001438000000001-fc-") == true)
    }

    @Test("a unit that its target took away, and one that can't be asked, are told apart")
    func stale() async throws {
        let fixture = try full()
        let engine = engine(fixture)
        let units = try await engine.hostWithUnits("host10").units.map(\.unit)
        let interview = ScriptedInterview()
        interview.answer(
            units[0], .failure(StorageError(.notFound, "10:0:0:0 isn't there", subject: .device("10:0:0:0"))))
        interview.answer(units[1], .failure(StorageError(.notFound, "no node", subject: .path("/dev/sdd"))))
        let outcome = try await engine.scanHost("host10", asking: interview)
        #expect(outcome.stale.map(\.subject.values[.device]) == ["10:0:0:0"])
        #expect(outcome.stale.first?.message.contains("/10:0:0:0/delete") == true)
    }

    @Test(
        "only what is asked for is scanned; a Fibre Channel target that isn't there is an error, not silence (L18, L22b)"
    )
    func scope() async throws {
        let fixture = try full()
        let engine = engine(fixture)
        let lun = LogicalUnitNumber(kernel: 3)
        _ = try await engine.scanHost("host0", .init(channel: 0, target: 2, lun: lun), asking: ScriptedInterview())
        _ = try await engine.scanHost("host8", .init(target: 0, lun: lun), asking: ScriptedInterview())
        #expect(fixture.hba.log == ["scan 0 0 2 3", "scan 8 0 0 3"])
        await expect(.notFound, "no such target", "0:0 (2000525400fc0101)") {
            try await engine.scanHost("host8", .init(target: 5), asking: ScriptedInterview())
        }
        #expect(fixture.hba.log.count == 2)
    }

    @Test("a scan waits for another one of the same host, and says who has it (L20)")
    func serialised() async throws {
        let fixture = try full()
        let coordinator = HostCoordinator(runtime: fixture.runtime.path)
        let lock = try await coordinator.hold(.scsiHost(0), for: "scan", until: .after(.seconds(60)))
        let scsiHost = try #require(try SCSIHost(number: 0, on: fixture.captured.root))
        await expect(.busy, "scsi_host0") {
            try await HostScan(control: fixture.hba)
                .run(on: scsiHost, coordinator: coordinator, until: .after(.milliseconds(50)))
        }
        #expect(fixture.hba.log.isEmpty)
        lock.release()
    }
}
