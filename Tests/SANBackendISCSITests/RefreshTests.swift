import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendISCSI

/// What a refresh says of LUNs, paths and sessions.
@Suite struct RefreshTests {
    private func started(_ change: (inout PlayedInitiator.Script) -> Void = { _ in }) async throws -> (
        ISCSIFixture, ISCSIPool
    ) {
        let fixture = try ISCSIFixture(asks: true, change)
        let pool = try await fixture.start()
        try fixture.answerTruly()
        return (fixture, pool)
    }

    private func unit(_ lun: UInt64, _ fixture: ISCSIFixture) throws -> [SCSIUnit] {
        try SCSIUnit.all(on: fixture.tree.host).filter { $0.hctl.lun.kernel == lun }
    }

    private func goes(_ unit: SCSIUnit, _ fixture: ISCSIFixture) {
        fixture.interview.answer(
            unit,
            .failure(StorageError(.notFound, "\(unit.hctl) refused INQUIRY", subject: .device(unit.hctl.description))))
    }

    private func deleted(_ unit: SCSIUnit) throws -> Bool { try unit.folder.text("delete") == "1" }

    /// L11: the kernel keeps the device of a LUN that the target has taken away, until somebody deletes it.
    @Test func aLUNThatTheTargetTookAwayIsDeleted() async throws {
        let (fixture, pool) = try await started()
        let gone = try unit(1, fixture)
        #expect(gone.count == 2)
        for unit in gone { goes(unit, fixture) }
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(snapshot.volumes.map(\.name) == ["unit:0:0:0"])
        #expect(snapshot.volumes.first?.problems.isEmpty == true)
        for unit in gone { #expect(try deleted(unit)) }
        for unit in try unit(0, fixture) { #expect(try !deleted(unit)) }
    }

    @Test func aLUNThatIsInUseStaysAndSaysSo() async throws {
        let (fixture, pool) = try await started()
        let gone = try unit(1, fixture)
        for unit in gone { goes(unit, fixture) }
        let block = try #require(gone.first?.block)
        try fixture.tree.addMap("dm-3", "253:3", called: "vg0-root", uuid: "LVM-x", on: [block.name])
        let volume = try #require(try await pool.refresh(in: fixture.context()).volumes.last)
        #expect(volume.name == "unit:0:0:1")
        #expect(try !deleted(gone[0]))
        #expect(try deleted(gone[1]))
        #expect(volume.problems.contains { $0.message.contains("refused INQUIRY") })
        #expect(volume.problems.contains { $0.message.contains("held by vg0-root") })
    }

    /// Looking at one volume changes nothing on the host.
    @Test func inspectionDeletesNothing() async throws {
        let (fixture, pool) = try await started()
        let volumes = try await pool.refresh(in: fixture.context()).volumes
        for unit in try unit(1, fixture) { goes(unit, fixture) }
        let volume = try await pool.inspect(try #require(volumes.last), in: fixture.context())
        #expect(!volume.problems.isEmpty)
        for unit in try unit(1, fixture) { #expect(try !deleted(unit)) }
    }

    /// L01: the number means another LUN by now.
    @Test func aRemappedLUNIsNamed() async throws {
        let (fixture, pool) = try await started()
        let stale = try #require(try unit(1, fixture).first)
        try fixture.interview.answer(stale, naa: SCSIAnswer.naa(9), serial: "serial9")
        let volume = try #require(try await pool.refresh(in: fixture.context()).volumes.last)
        #expect(volume.problems.map(\.code) == [.invalidState])
        #expect(volume.problems.first?.message.contains("\(stale.hctl)") == true)
        #expect(volume.problems.first?.subject.values[.volume] == "unit:0:0:1")
        #expect(try !deleted(stale))
    }

    /// L09: one number, two LUNs: a map of both would write to both.
    @Test func aNumberThatMeansTwoLUNsIsTwoVolumes() async throws {
        let fixture = try ISCSIFixture { script in
            script.luns = [3]
            script.identities = ["10.0.0.2:3260": 4]
        }
        let volumes = try await fixture.start().refresh(in: fixture.context()).volumes
        #expect(volumes.count == 2)
        #expect(volumes.first?.name == "unit:0:0:3")
        #expect(volumes.last?.name.hasPrefix("unit:0:0:3:10.0.0.") == true)
        #expect(volumes.allSatisfy { $0.problems.contains { $0.message.contains("means different ones") } })
        #expect(Set(volumes.map(\.definition.key)).count == 2)
    }

    @Test func aPathThatIsDownIsNamed() async throws {
        let (fixture, pool) = try await started()
        let down = try #require(try unit(0, fixture).first)
        try fixture.tree.write("\(down.folder.path)/state", "transport-offline")
        let volume = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
        let problem = volume.problems.first { $0.message.hasPrefix("1 of 2 paths are up") }
        #expect(problem?.message.contains("\(down.hctl) through ") == true, "\(volume.problems)")
        #expect(volume.unit?.paths.map(\.state).sorted { ($0 ?? "") < ($1 ?? "") } == ["running", "transport-offline"])
    }

    @Test func aSessionThatIsBrokenIsNamed() async throws {
        let (fixture, pool) = try await started()
        try fixture.tree.write("/sys/devices/platform/host6/session1/iscsi_session/session1/state", "FAILED")
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(snapshot.problems.map(\.code) == [.unavailable])
        #expect(snapshot.problems.first?.message.contains("is failed; iscsid tries to restore it") == true)
        #expect(snapshot.volumes.allSatisfy { $0.problems.contains { $0.message.contains("1 of 2 paths are up") } })
    }

    @Test func aPoolWithoutSessionsSaysSo() async throws {
        let (fixture, pool) = try await started()
        _ = try await fixture.initiator.run(
            Command(.iscsiadm, ["--mode", "node", "--interface", ISCSIFixture.interface, "--logout"]),
            until: .after(.seconds(60)))
        let error = await #expect(throws: StorageError.self) { _ = try await pool.refresh(in: fixture.context()) }
        #expect(error?.code == .invalidState)
        #expect(error?.message.contains("stop the pool and start it") == true)
    }

    /// The map's path is the volume's where there is one.
    @Test func aLUNUnderAMapHasTheMapsPath() async throws {
        let (fixture, pool) = try await started()
        let names = try unit(0, fixture).compactMap(\.block?.name)
        let wwid = try #require(try unit(0, fixture).first?.wwid)
        try fixture.tree.addMap("dm-0", "253:0", called: "mpatha", uuid: "mpath-\(wwid)", on: names)
        let volume = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
        #expect(volume.path == "/dev/mapper/mpatha")
        #expect(volume.unit?.multipath == "/dev/mapper/mpatha")
        #expect(volume.unit?.paths.count == 2)
    }
}
