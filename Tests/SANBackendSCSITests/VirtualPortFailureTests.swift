import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendSCSI

@Suite("What a start or a stop of a virtual port leaves when a step of it fails")
struct VirtualPortFailureTests {
    private let names = "\(Capture.wwpn):\(Capture.wwnn)"
    private let table = "0 0 1 1 service-time 0 1 2 8:32 1 1 "
    private let status = "2 0 0 0 1 1 A 0 1 2 8:32 A 0 0 1 "
    private let refusal = StorageError(.hostFailure, "No")

    private func expectNothingLeft(_ fixture: SCSIFixture, sourceLocation: Testing.SourceLocation = #_sourceLocation)
        throws
    {
        #expect(try !fixture.hasPort(), sourceLocation: sourceLocation)
        #expect(try fixture.activations.load(pool: "p") == nil, sourceLocation: sourceLocation)
    }

    // MARK: Start

    @Test("an HBA without a free port, one that is down, and ones that aren't there: nothing is changed")
    func noParent() async throws {
        let cases: [(StorageError.Code, String, (inout PoolSource.FibreChannel) -> Void)] = [
            (.unavailable, "2 of 2 virtual ports are in use", { $0.parent = "scsi_host8" }),
            (.notFound, "'scsi_host77' specified for vHBA does not exist", { $0.parent = "scsi_host77" }),
            (
                .notFound, "using provided wwnn/wwpn",
                {
                    $0.parentWWNN = WWN(1)
                    $0.parentWWPN = WWN(2)
                }
            ),
            (.notFound, "using provided fabric_wwn", { $0.parentFabricWWN = WWN(3) }),
            (.unavailable, "scsi_host8: 2 of 2 virtual ports are in use; scsi_host9: it is Linkdown", { _ in }),
        ]
        for (code, text, change) in cases {
            let fixture = try SCSIFixture()
            try fixture.captured.write(Capture.parentAttributes + "/npiv_vports_inuse", "2\n")
            try fixture.captured.write(Capture.parentAttributes + "/max_npiv_vports", "2\n")
            try fixture.captured.write(PeerPort.attributes + "/port_state", "Linkdown\n")
            await expect(code, text) { try await fixture.start(SCSIFixture.definition(change)) }
            #expect(fixture.hba.log.isEmpty)
            try expectNothingLeft(fixture)
        }
    }

    @Test("a note that can't be written: no port is made that nobody would know to be ours")
    func unwritableNote() async throws {
        let fixture = try SCSIFixture()
        let coordinator = try TemporaryFolder()
        // Where the notes are to be is a file.
        try LocalEnds.write([1], to: fixture.runtime.appending("file"))
        var context = fixture.context()
        context.coordinator = HostCoordinator(runtime: coordinator.path)
        context.activations = ActivationStore(
            runtime: fixture.runtime.appending("file"), host: fixture.captured.root)
        let (backend, unwritable) = (fixture.backend, context)
        await #expect(throws: StorageError.self) {
            _ = try await backend.activate(SCSIFixture.definition(), in: unwritable)
        }
        #expect(fixture.hba.log.isEmpty)
        #expect(try !fixture.hasPort())
    }

    @Test("a port that somebody is at: it is waited for until the deadline, and nothing is changed")
    func lockedPort() async throws {
        let fixture = try SCSIFixture()
        let context = fixture.context()
        let lock = try await context.coordinator.hold(.port(Capture.wwpn), for: "test", until: .after(.seconds(60)))
        await expect(.busy) {
            try await fixture.backend.activate(SCSIFixture.definition(), in: fixture.context(.milliseconds(300)))
        }
        #expect(fixture.hba.log.isEmpty)
        lock.release()
        try expectNothingLeft(fixture)
    }

    @Test("a scan that the driver refuses: the port is deleted again")
    func refusedScan() async throws {
        let fixture = try SCSIFixture(PlayedHBA.Script(scanError: refusal))
        await expect(.hostFailure) { try await fixture.start() }
        #expect(fixture.hba.log.map { String($0.prefix(6)) } == ["create", "scan 1", "delete"])
        try expectNothingLeft(fixture)
    }

    @Test(
        "a port that is refused and can't be deleted again: both are told, and the note stays for the next start and stop"
    )
    func refusedUndo() async throws {
        let fixture = try SCSIFixture(
            PlayedHBA.Script(deletionError: StorageError(.busy, "Not now"), scanError: refusal))
        let error = await #expect(throws: StorageError.self) { _ = try await fixture.start() }
        #expect(error?.code == .hostFailure)
        #expect(error?.causes.map(\.message) == ["Not now"])
        #expect(try fixture.hasPort())
        #expect(try fixture.activations.load(pool: "p") != nil)
        fixture.hba.change { script in
            script.scanError = nil
            script.deletionError = nil
        }
        let pool = try await fixture.start()
        #expect(try await pool.deactivate(in: fixture.context()).isChanged)
        try expectNothingLeft(fixture)
    }

    @Test("a host that doesn't come, of a port that can't be deleted: both are told")
    func refusedUndoOfSilence() async throws {
        let fixture = try SCSIFixture(
            PlayedHBA.Script(fabric: .silent, deletionError: StorageError(.busy, "Not now")))
        let error = await #expect(throws: StorageError.self) {
            _ = try await fixture.backend.activate(SCSIFixture.definition(), in: fixture.context(.seconds(8)))
        }
        #expect(error?.code == .timedOut)
        #expect(error?.causes.map(\.message) == ["Not now"])
    }

    @Test("a scan that goes on past its time is a problem of the refresh, and the pool stays as it is")
    func slowScan() async throws {
        let fixture = try SCSIFixture()
        let pool = try await fixture.start()
        fixture.hba.change { $0.scanError = StorageError(.timedOut, "The scan goes on") }
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(snapshot.volumes.count == 2)
        #expect(snapshot.problems.map(\.message) == ["The scan goes on"])
        fixture.hba.change { $0.scanError = refusal }
        await expect(.hostFailure) { try await pool.refresh(in: fixture.context()) }
        #expect(try fixture.hasPort())
        #expect(try fixture.activations.load(pool: "p") != nil)
    }

    // MARK: Stop

    @Test("a port that doesn't go: the stop says so at its deadline, and the next one tries again")
    func stuckPort() async throws {
        let fixture = try SCSIFixture(PlayedHBA.Script(keepsPorts: true))
        let pool = try await fixture.start()
        await expect(.timedOut, "'scsi_host10' and its disks to go") {
            try await pool.deactivate(in: fixture.context(.seconds(8)))
        }
        #expect(try fixture.hasPort())
        #expect(try fixture.activations.load(pool: "p") != nil)
        fixture.hba.change { $0.keepsPorts = false }
        _ = try await pool.deactivate(in: fixture.context())
        try expectNothingLeft(fixture)
    }

    @Test("the map that multipathd made of its disk is no use of it, and goes before it (L34)")
    func map() async throws {
        let map = MappedDevice(multipath: "mpathv", wwid: Capture.wwid, table: table, status: status)
        let fixture = try SCSIFixture(
            users: { $0.name == "sdc" ? [DeviceUse(device: "dm-0", .holder(name: "mpathv"))] : [] }, maps: [map])
        let pool = try await fixture.start()
        try fixture.captured.add(Capture.map())
        fixture.mapper.onRemoval { _ throws(StorageError) in throw StorageError(.permissionDenied, "No") }
        await expect(.permissionDenied) { try await pool.deactivate(in: fixture.context()) }
        #expect(try fixture.hasPort())
        #expect(try fixture.activations.load(pool: "p") != nil)
        fixture.mapper.onRemoval { _ throws(StorageError) in true }
        _ = try await pool.deactivate(in: fixture.context())
        #expect(fixture.mapper.requests == Array(repeating: "remove mpath-\(Capture.wwid)", count: 2))
        try expectNothingLeft(fixture)
    }

    @Test("a map with a path elsewhere stays; one that is mounted refuses the stop")
    func sharedMap() async throws {
        let map = MappedDevice(multipath: "mpathv", wwid: Capture.wwid, table: table, status: status)
        let mounted = DeviceUse(device: "dm-0", .mount(at: "/srv"))
        let busy = try SCSIFixture(
            users: { $0.name == "sdc" ? [DeviceUse(device: "dm-0", .holder(name: "mpathv")), mounted] : [] },
            maps: [map])
        let used = try await busy.start()
        try busy.captured.add(Capture.map(alsoOn: "sdz"))
        await expect(.busy, "mounted at /srv") { try await used.deactivate(in: busy.context()) }
        #expect(try busy.hasPort())

        let idle = try SCSIFixture(
            users: { $0.name == "sdc" ? [DeviceUse(device: "dm-0", .holder(name: "mpathv"))] : [] }, maps: [map])
        let pool = try await idle.start()
        try idle.captured.add(Capture.map(alsoOn: "sdz"))
        _ = try await pool.deactivate(in: idle.context())
        #expect(idle.mapper.requests.isEmpty)
        try expectNothingLeft(idle)
    }
}
