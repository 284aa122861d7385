import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendSCSI

@Suite("A pool with a virtual port of its own")
struct VirtualPortTests {
    private let names = "\(Capture.wwpn):\(Capture.wwnn)"

    @Test(
        "it makes the port on the HBA with the most free ones, scans only its target, and lists what it sees (L17, L18, L23)"
    )
    func start() async throws {
        let fixture = try SCSIFixture()
        // As numbers: 9 of 100 in use are fewer than 65534 of 65535, whatever the digits look like.
        try fixture.captured.write(Capture.parentAttributes + "/npiv_vports_inuse", "9\n")
        try fixture.captured.write(Capture.parentAttributes + "/max_npiv_vports", "100\n")
        try fixture.captured.write(PeerPort.attributes + "/npiv_vports_inuse", "65534\n")
        let pool = try await fixture.start()
        #expect(fixture.hba.log == ["create \(names) scsi_host8", "scan 10 0 0"])
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(fixture.hba.log.dropFirst(2) == ["scan 10 0 0"])
        #expect(snapshot.problems.isEmpty)
        #expect(snapshot.volumes.map(\.name) == ["unit:0:0:0", "unit:0:0:7"])
        let volume = try #require(snapshot.volumes.first)
        #expect(volume.problems.isEmpty)
        #expect(volume.key == "36001405bbbb000200000000000000000_PORT0")
        #expect(
            volume.path
                == "/dev/disk/by-path/pci-0000:00:02.0-vport-0x5001438000000001-fc-0x2000525400fc0101-lun-0")
        #expect(volume.unit?.transport == "fc")
        #expect(volume.unit?.paths.map(\.port) == ["2000525400fc0101"])
        #expect(snapshot.capacity == ByteCount(96 << 20))
        #expect(snapshot.available == 0)
    }

    @Test("its stop deletes the port that it made, and nothing is noted any more")
    func stop() async throws {
        let fixture = try SCSIFixture()
        let pool = try await fixture.start()
        #expect(try fixture.activations.load(pool: "p") != nil)
        #expect(try await pool.deactivate(in: fixture.context()).isChanged)
        #expect(fixture.hba.log.last == "delete \(names) scsi_host8")
        #expect(try !fixture.hasPort())
        #expect(try fixture.activations.load(pool: "p") == nil)
        #expect(try await fixture.backend.adopt(SCSIFixture.definition(), in: fixture.context()) == nil)
    }

    @Test(
        "whose port is deleted at the stop",
        arguments: [
            (Bool?.none, false, true), (nil, true, false), (true, true, true), (true, false, true),
            (false, false, false),
        ])
    func managed(_ managed: Bool?, _ existed: Bool, _ isDeleted: Bool) async throws {
        let fixture = try SCSIFixture()
        if existed { try fixture.captured.add(Capture.vport) }
        let definition = SCSIFixture.definition { $0.managed = managed }
        let change = try await fixture.backend.activate(definition, in: fixture.context())
        #expect(change.isChanged == !existed)
        _ = try await change.value.deactivate(in: fixture.context())
        #expect(try fixture.hasPort() == !isDeleted)
    }

    @Test("what an interrupted start left is taken over, and deleted at the stop")
    func interrupted() async throws {
        let fixture = try SCSIFixture()
        _ = try await fixture.start()
        // The process is gone here; another one starts the pool again.
        let again = try await fixture.backend.activate(SCSIFixture.definition(), in: fixture.context())
        #expect(!again.isChanged)
        #expect(fixture.hba.log.filter { $0.hasPrefix("create") }.count == 1)
        _ = try await again.value.deactivate(in: fixture.context())
        #expect(try !fixture.hasPort())
    }

    @Test("the names of a physical HBA are refused")
    func physical() async throws {
        let fixture = try SCSIFixture()
        await expect(.alreadyExists, "scsi_host8", "assigned to an HBA") {
            try await fixture.start(
                SCSIFixture.definition(
                    .fibreChannel(PoolSource.FibreChannel(wwnn: WWN(1), wwpn: WWN(0x2000_5254_00FC_0001)))))
        }
        #expect(fixture.hba.log.isEmpty)
        #expect(try fixture.activations.load(pool: "p") == nil)
    }

    @Test("a port that exists elsewhere, or of another node, is refused")
    func elsewhere() async throws {
        let fixture = try SCSIFixture()
        try fixture.captured.add(Capture.vport)
        await expect(.invalidArgument, "'scsi_host9' does not match parent 'scsi_host8'") {
            try await fixture.start(SCSIFixture.definition { $0.parent = "scsi_host9" })
        }
        await expect(.alreadyExists, "of the node 5001438000000000") {
            try await fixture.start(
                SCSIFixture.definition(.fibreChannel(PoolSource.FibreChannel(wwnn: WWN(1), wwpn: Capture.wwpn))))
        }
        let parents: [(inout PoolSource.FibreChannel) -> Void] = [
            { $0.parent = "fc_host8" },
            {
                $0.parentWWNN = WWN(0x1000_5254_00FC_0001)
                $0.parentWWPN = WWN(0x2000_5254_00FC_0001)
            },
        ]
        for parent in parents { _ = try await fixture.start(SCSIFixture.definition(parent)) }
        #expect(fixture.hba.log.allSatisfy { $0.hasPrefix("scan") })
    }

    @Test("a driver that refuses leaves nothing", arguments: [StorageError.Code.busy, .backendFailure, .unavailable])
    func refused(_ code: StorageError.Code) async throws {
        let fixture = try SCSIFixture(PlayedHBA.Script(creationError: StorageError(code, "No")))
        await expect(code) { try await fixture.start() }
        #expect(fixture.hba.log == ["create \(names) scsi_host9"] || fixture.hba.log == ["create \(names) scsi_host8"])
        #expect(try fixture.activations.load(pool: "p") == nil)
    }

    @Test("a port whose host never comes is deleted again at the deadline")
    func silent() async throws {
        let fixture = try SCSIFixture(PlayedHBA.Script(fabric: .silent))
        await expect(.timedOut, "the host of the virtual port") {
            try await fixture.backend.activate(SCSIFixture.definition(), in: fixture.context(.seconds(8)))
        }
        #expect(fixture.hba.log.last?.hasPrefix("delete") == true)
        #expect(try fixture.activations.load(pool: "p") == nil)
    }

    @Test("a cancelled start deletes the port that it made")
    func cancelled() async throws {
        let fixture = try SCSIFixture(PlayedHBA.Script(fabric: .unboundTarget))
        let start = Task { try await fixture.start() }
        // Settling begins to listen after the port is there.
        while try fixture.hba.events.listened.count < 2 || !fixture.hasPort() { await Task.yield() }
        start.cancel()
        await expect(.cancelled) { try await start.value }
        #expect(try !fixture.hasPort())
        #expect(try fixture.activations.load(pool: "p") == nil)
    }

    @Test(
        "an empty pool says why",
        arguments: [
            (PlayedHBA.Fabric.noTarget, StorageError.Code.unavailable, "the fabric shows it no target"),
            (.unboundTarget, .busy, "settling: the target 2000525400fc0101 has no number yet"),
            (.linkDown, .unavailable, "the link of scsi_host8 is Linkdown"),
        ])
    func empty(_ fabric: PlayedHBA.Fabric, _ code: StorageError.Code, _ reason: String) async throws {
        let fixture = try SCSIFixture(PlayedHBA.Script(fabric: fabric), limit: .milliseconds(400))
        let pool = try await fixture.start(SCSIFixture.definition { $0.parent = "scsi_host8" })
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(snapshot.volumes.isEmpty)
        #expect(snapshot.problems.map(\.code) == [code])
        #expect(snapshot.problems.first?.message.contains(reason) == true, "\(snapshot.problems)")
        // A target without a number is never scanned, and nothing by wildcards (L18, L22b).
        #expect(!fixture.hba.log.contains { $0.hasPrefix("scan") })
    }

    @Test("units that udev is silent about are listed with that problem")
    func withoutUdev() async throws {
        let fixture = try SCSIFixture(PlayedHBA.Script(hasUdev: false), limit: .milliseconds(400))
        let pool = try await fixture.start()
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(snapshot.problems.map(\.code) == [.busy])
        #expect(snapshot.volumes.count == 2)
        #expect(snapshot.volumes.allSatisfy { $0.path.hasPrefix("/dev/sd") && !$0.problems.isEmpty })
        #expect(snapshot.volumes.first?.key == "36001405bbbb000200000000000000000")
    }

    @Test("a lost link is a problem of the pool, which keeps its volumes")
    func lostLink() async throws {
        let fixture = try SCSIFixture()
        let pool = try await fixture.start(SCSIFixture.definition { $0.parent = "scsi_host8" })
        try fixture.captured.write(Capture.parentAttributes + "/port_state", "Linkdown\n")
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(snapshot.volumes.count == 2)
        #expect(snapshot.problems.first?.message.contains("may be out of reach") == true)
    }

    @Test("a stop is refused while a disk is used, and names the user")
    func inUse() async throws {
        let fixture = try SCSIFixture { device throws(StorageError) in
            device.name == "sdd" ? [DeviceUse(device: "sdd", .mount(at: "/srv"))] : []
        }
        let pool = try await fixture.start()
        await expect(.busy, "unit:0:0:7 (sdd) is in use: mounted at /srv") {
            try await pool.deactivate(in: fixture.context())
        }
        #expect(try fixture.hasPort())
        #expect(
            try await pool.remains(in: fixture.context())?.hasSuffix("'sanctl vhba destroy 5001438000000001'") == true)
        #expect(try fixture.activations.load(pool: "p") != nil)
    }

    @Test("a deletion that the driver refuses leaves the note, so that the next stop tries again")
    func refusedDeletion() async throws {
        let fixture = try SCSIFixture()
        let pool = try await fixture.start()
        fixture.hba.change { $0.deletionError = StorageError(.busy, "No") }
        await expect(.busy) { try await pool.deactivate(in: fixture.context()) }
        #expect(try fixture.activations.load(pool: "p") != nil)
        fixture.hba.change { $0.deletionError = nil }
        _ = try await pool.deactivate(in: fixture.context())
        #expect(try !fixture.hasPort())
    }

    @Test("a port that somebody else deleted doesn't block the stop")
    func deletedByHand() async throws {
        let fixture = try SCSIFixture()
        let pool = try await fixture.start()
        for capture in [Capture.udev, Capture.units, Capture.targets, Capture.vport] {
            try fixture.captured.remove(capture)
        }
        await expect(.notFound, "the vHBA has gone") { try await pool.refresh(in: fixture.context()) }
        #expect(try await !pool.deactivate(in: fixture.context()).isChanged)
        #expect(try fixture.activations.load(pool: "p") == nil)
    }
}

/// The other physical port of the captured host.
enum PeerPort {
    static let attributes = "/sys/devices/pci0000:00/0000:00:04.0/virtio3/net/enp0s4/ctlr_1/host9/fc_host/host9"
}
