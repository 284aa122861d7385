import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendISCSI

/// Stopping pools, step by step, and pools that are found started.
@Suite struct StopTests {
    private func refusal(_ pool: ISCSIPool, _ fixture: ISCSIFixture) async throws -> StorageError {
        let error = await #expect(throws: StorageError.self) { _ = try await pool.deactivate(in: fixture.context()) }
        return try #require(error)
    }

    @Test func nothingIsLeft() async throws {
        let fixture = try ISCSIFixture()
        let pool = try await fixture.start(ISCSIFixture.definition(chap: true))
        #expect(try await pool.deactivate(in: fixture.context()).isChanged)
        try fixture.expectNothingLeft()
        #expect(try await !pool.deactivate(in: fixture.context()).isChanged)
    }

    @Test func recordsOfOthersStay() async throws {
        let fixture = try ISCSIFixture()
        let theirs = "nodes/\(PlayedInitiator.target)/10.0.0.1,3260,1/default"
        try fixture.tree.write("\(PlayedInitiator.folder)/\(theirs)", "node.name = x")
        let pool = try await fixture.start()
        _ = try await pool.deactivate(in: fixture.context())
        #expect(try fixture.initiator.database() == [theirs])
    }

    /// L30: who uses a LUN is named, and nothing is taken away.
    @Test func aMountedLUNKeepsThePool() async throws {
        let fixture = try ISCSIFixture()
        let pool = try await fixture.start()
        let block = try #require(try SCSIUnit.all(on: fixture.tree.host).last?.block)
        try fixture.tree.write("/proc/1/comm", "init")
        try fixture.tree.link("/proc/1/ns/mnt", text: "mnt:[1]")
        try fixture.tree.write("/proc/1/mountinfo", "21 1 \(block.number) / /srv/data rw - ext4 /dev/x rw")
        try fixture.tree.makeFolder("/proc/1/fd")
        let before = try fixture.initiator.database()
        let error = try await refusal(pool, fixture)
        #expect(error.code == .busy)
        #expect(error.message.contains(" (\(block.name)) is in use: mounted at /srv/data; unmount it first"))
        #expect(error.message.contains("unit:"))
        #expect(!fixture.initiator.log.contains { $0.contains("--logout") })
        #expect(try fixture.initiator.database() == before)
        #expect(try fixture.initiator.sessions().count == 2)
    }

    /// L19: an array that is being rebuilt, a volume group: whatever stands on a LUN uses it.
    @Test func aHolderKeepsThePool() async throws {
        let fixture = try ISCSIFixture()
        let pool = try await fixture.start()
        let block = try #require(try SCSIUnit.all(on: fixture.tree.host).first?.block)
        try fixture.tree.addMap("dm-3", "253:3", called: "vg0-root", uuid: "LVM-x", on: [block.name])
        #expect(try await refusal(pool, fixture).message.contains("held by vg0-root (dm-3)"))
        #expect(try fixture.initiator.sessions().count == 2)
    }

    @Test(arguments: [(Int32(10), StorageError.Code.backendFailure), (20, .unavailable), (28, .busy)])
    func aLogoutThatFailsLeavesThePool(_ status: Int32, _ code: StorageError.Code) async throws {
        let fixture = try ISCSIFixture()
        let pool = try await fixture.start()
        let before = try fixture.initiator.database()
        fixture.initiator.change { $0.logout = .status(status) }
        #expect(try await refusal(pool, fixture).code == code)
        // The sessions are there, so their records are: the next stop has what it needs.
        #expect(try fixture.initiator.database() == before)
        fixture.initiator.change { $0.logout = .up }
        _ = try await pool.deactivate(in: fixture.context())
        try fixture.expectNothingLeft()
    }

    /// What a forced stop leaves, and which commands end it, in their order.
    @Test func whatStaysIsToldWithTheCommandsThatEndIt() async throws {
        let fixture = try ISCSIFixture()
        let pool = try await fixture.start()
        let text = try #require(try await pool.remains(in: fixture.context()))
        #expect(
            text.hasPrefix("2 sessions of the interface \(ISCSIFixture.interface) to \(PlayedInitiator.target) stay."))
        let node = "'iscsiadm --mode node --targetname \(PlayedInitiator.target) --interface \(ISCSIFixture.interface)"
        #expect(
            text.hasSuffix(
                "\(node) --logout', then \(node) --op delete', then "
                    + "'iscsiadm --mode iface --interface \(ISCSIFixture.interface) --op delete'"))
        _ = try await pool.deactivate(in: fixture.context())
        #expect(try await pool.remains(in: fixture.context()) == nil)
    }

    /// An iscsid that was started anew first doesn't know the sessions, then connects them again; seen in the kernel lab.
    @Test func aDaemonStartedAnewIsAskedAgain() async throws {
        let fixture = try ISCSIFixture()
        let pool = try await fixture.start()
        fixture.initiator.change { $0.earlyLogouts = [2, 32, 9] }
        _ = try await pool.deactivate(in: fixture.context())
        try fixture.expectNothingLeft()
    }

    /// Without iscsid iscsiadm says that there are no sessions (21).
    @Test func withoutTheDaemonNothingIsForgotten() async throws {
        let fixture = try ISCSIFixture()
        let pool = try await fixture.start()
        try fixture.tree.write(PlayedInitiator.sockets, "Num")
        fixture.initiator.change { $0.logout = .status(21) }
        let error = try await refusal(pool, fixture)
        #expect(error.code == .unavailable)
        #expect(try fixture.initiator.sessions().count == 2)
        #expect(try !fixture.initiator.database().isEmpty)
    }

    @Test func sessionsThatDoNotEndAreTimedOut() async throws {
        let fixture = try ISCSIFixture()
        let pool = try await fixture.start()
        // Nothing found, says iscsiadm: the sessions stay.
        fixture.initiator.change { $0.logout = .status(21) }
        let error = await #expect(throws: StorageError.self) {
            _ = try await pool.deactivate(in: fixture.context(.milliseconds(500)))
        }
        #expect(error?.code == .timedOut)
        #expect(try fixture.initiator.sessions().count == 2)
        #expect(try !fixture.initiator.database().isEmpty)
    }

    /// A process that was killed in the middle of a start left an interface, records, sessions, or some of them.
    @Test func whatAKilledStartLeftIsAdoptedAndTakenAway() async throws {
        let fixture = try ISCSIFixture()
        #expect(try await fixture.backend.adopt(ISCSIFixture.definition(), in: fixture.context()) == nil)
        _ = try await fixture.start()
        let adopted = try #require(try await fixture.backend.adopt(ISCSIFixture.definition(), in: fixture.context()))
        _ = try await adopted.deactivate(in: fixture.context())
        try fixture.expectNothingLeft()

        // Records only, before the first login.
        try fixture.tree.write(
            "\(PlayedInitiator.folder)/nodes/\(PlayedInitiator.target)/10.0.0.1,3260,1/\(ISCSIFixture.interface)", "x")
        let found = try #require(try await fixture.backend.adopt(ISCSIFixture.definition(), in: fixture.context()))
        _ = try await found.deactivate(in: fixture.context())
        try fixture.expectNothingLeft()
    }

    @Test func sessionsOfAnotherInitiatorNameAreNotThePools() async throws {
        let fixture = try ISCSIFixture()
        try fixture.initiator.addSession(to: "10.0.0.1:3260", interface: "default")
        let definition = ISCSIFixture.definition(initiator: "iqn.2020-01.org.example:guest")
        #expect(try await fixture.backend.adopt(definition, in: fixture.context()) == nil)
        #expect(try await fixture.backend.adopt(ISCSIFixture.definition(), in: fixture.context()) != nil)
    }
}
