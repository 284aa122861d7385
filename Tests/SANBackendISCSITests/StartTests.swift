import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendISCSI

/// Starting pools: what is made on the host, and what is left of it where a step fails.
@Suite struct StartTests {
    private static let records = [
        "ifaces/\(ISCSIFixture.interface)",
        "nodes/\(PlayedInitiator.target)/10.0.0.1,3260,1/\(ISCSIFixture.interface)",
        "nodes/\(PlayedInitiator.target)/10.0.0.2,3260,1/\(ISCSIFixture.interface)",
    ]

    /// L53: every portal that the target offers, not the one that was named.
    @Test func everyPortalHasASessionAndEachLUNIsOneVolume() async throws {
        let fixture = try ISCSIFixture()
        let change = try await fixture.backend.activate(ISCSIFixture.definition(), in: fixture.context())
        #expect(change.isChanged)
        #expect(try fixture.initiator.sessions() == [ISCSIFixture.interface, ISCSIFixture.interface])
        let snapshot = try await change.value.refresh(in: fixture.context())
        #expect(snapshot.problems.isEmpty)
        #expect(snapshot.volumes.map(\.name) == ["unit:0:0:0", "unit:0:0:1"])
        #expect(snapshot.capacity?.bytes == 2 << 20)
        let volume = try #require(snapshot.volumes.last)
        #expect(volume.problems.isEmpty, "\(volume.problems)")
        #expect(volume.unit?.paths.map(\.portal) == ["10.0.0.1:3260", "10.0.0.2:3260"])
        #expect(volume.unit?.paths.map(\.state) == ["running", "running"])
        #expect(volume.path == "/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-\(PlayedInitiator.target)-lun-1")
        #expect(volume.unit?.linksByPath.count == 2)
        #expect(volume.unit?.transport == "iscsi")
        #expect(volume.definition.key == volume.unit?.wwid)
    }

    /// L67, L68: iscsiadm would show a password to `ps`; its records are files that only root reads.
    @Test func secretsAreInFilesOfRootAlone() async throws {
        let fixture = try ISCSIFixture()
        _ = try await fixture.start(ISCSIFixture.definition(chap: true))
        #expect(try fixture.initiator.database().filter { !$0.hasPrefix("static/") } == Self.records)
        for name in Self.records.dropFirst() {
            #expect(try fixture.initiator.mode(name) == 0o600)
            let record = try fixture.initiator.record(name)
            #expect(record.contains("node.session.auth.password = \(ISCSIFixture.secret)\n"))
            #expect(record.contains("node.session.auth.username = usr\n"))
            #expect(record.contains("node.session.auth.authmethod = CHAP\n"))
            // L69
            #expect(record.contains("node.session.auth.chap_algs = SHA3-256,SHA256,SHA1,MD5\n"))
            #expect(record.contains("node.startup = manual\n"))
            #expect(record.contains("node.session.scan = manual\n"))
            #expect(record.hasSuffix("# END RECORD\n"))
        }
        #expect(!fixture.initiator.log.joined().contains { $0.contains(ISCSIFixture.secret) })
    }

    @Test func mutualCHAPIsInTheRecordToo() async throws {
        let fixture = try ISCSIFixture().with(secrets: ["lab": ISCSIFixture.secret, "lab:mutual": "tgt:targetsecret1"])
        _ = try await fixture.start(ISCSIFixture.definition(chap: true))
        let record = try fixture.initiator.record(Self.records[1])
        #expect(record.contains("node.session.auth.username_in = tgt\n"))
        #expect(record.contains("node.session.auth.password_in = targetsecret1\n"))
    }

    /// iscsid answers with what stands in a record, whatever the method says.
    @Test func withoutCHAPARecordHasNoCredentials() async throws {
        let fixture = try ISCSIFixture()
        _ = try await fixture.start()
        let record = try fixture.initiator.record(Self.records[1])
        #expect(record.contains("node.session.auth.authmethod = None\n"))
        #expect(!record.contains("auth.username") && !record.contains("auth.password"))
    }

    @Test func theInitiatorsNameIsAnInterfacesOfThePool() async throws {
        let name = "iqn.2020-01.org.example:guest"
        let fixture = try ISCSIFixture()
        _ = try await fixture.backend.activate(ISCSIFixture.definition(initiator: name), in: fixture.context())
        #expect(
            try fixture.initiator.record(Self.records[0]).contains("iface.initiatorname = \(name)\n"))
        let discovery = try #require(fixture.initiator.log.first { $0.contains("discoverydb") })
        #expect(discovery.contains(ISCSIFixture.interface))
    }

    /// L58: a discovery leaves neither records of other targets nor one of itself.
    @Test func discoveryLeavesNothing() async throws {
        let fixture = try ISCSIFixture { $0.wantsDiscoverySecret = true }
        _ = try await fixture.start(ISCSIFixture.definition(chap: true))
        #expect(try !fixture.initiator.database().contains { $0.hasPrefix("send_targets") })
    }

    @Test func aDiscoveryRecordOfOthersIsLeftAlone() async throws {
        let fixture = try ISCSIFixture()
        let theirs = "send_targets/10.0.0.1,3260/st_config"
        try fixture.tree.write("\(PlayedInitiator.folder)/\(theirs)", "discovery.startup = manual")
        _ = try await fixture.start()
        #expect(try fixture.initiator.record(theirs) == "discovery.startup = manual\n")
        let left = "send_targets/10.0.0.2,3260/st_config"
        try fixture.tree.write("\(PlayedInitiator.folder)/\(left)", RecordFolder.discoveryMark)
        _ = try await fixture.start(ISCSIFixture.definition(hosts: ["10.0.0.2"]))
        #expect(try !fixture.initiator.database().contains(left))
    }

    /// L52: the portal that doesn't answer keeps nobody waiting, and is named; it is tried again at each refresh.
    @Test func aDeadPortalDelaysNothing() async throws {
        let fixture = try ISCSIFixture { $0.logins["10.0.0.2:3260"] = .silent }
        let pool = try await fixture.start()
        #expect(try fixture.initiator.sessions() == [ISCSIFixture.interface])
        let snapshot = try await pool.refresh(in: fixture.context())
        #expect(snapshot.volumes.map(\.name) == ["unit:0:0:0", "unit:0:0:1"])
        #expect(snapshot.problems.map(\.code) == [.unavailable])
        #expect(snapshot.problems.first?.message.contains("no session to the portal 10.0.0.2:3260") == true)
        let last = try #require(fixture.initiator.log.last)
        #expect(last.contains("--no_wait") && last.contains("10.0.0.2:3260,1"))
        fixture.initiator.change { $0.logins = [:] }
        _ = try await pool.refresh(in: fixture.context())
        #expect(try await pool.refresh(in: fixture.context()).problems.isEmpty)
        #expect(try fixture.initiator.sessions().count == 2)
    }

    /// A portal that has accepted the connection is slow, and not dead.
    @Test func aSlowPortalIsWaitedFor() async throws {
        let connections = PlayedConnections()
        let fixture = try ISCSIFixture(connected: connections) { $0.logins["10.0.0.2:3260"] = .late }
        connections.onLook { [initiator = fixture.initiator] in initiator.change { $0.logins = [:] } }
        let pool = try await fixture.start()
        #expect(try fixture.initiator.sessions().count == 2)
        #expect(try await pool.refresh(in: fixture.context()).problems.isEmpty)
    }

    @Test func aDeadHostOfSeveralDelaysNothing() async throws {
        let fixture = try ISCSIFixture { $0.discoveries["10.0.0.9:3260"] = .silent }
        _ = try await fixture.start(ISCSIFixture.definition(hosts: ["10.0.0.9", "10.0.0.1"]))
        #expect(try fixture.initiator.sessions().count == 2)
    }

    /// L54: what somebody else logged in to is used, and no second session made.
    @Test func sessionsOfOthersAreAdopted() async throws {
        let fixture = try ISCSIFixture()
        for portal in ["10.0.0.1:3260", "10.0.0.2:3260"] {
            try fixture.initiator.addSession(to: portal, interface: "default")
        }
        let change = try await fixture.backend.activate(ISCSIFixture.definition(), in: fixture.context())
        #expect(!change.isChanged)
        #expect(try fixture.initiator.sessions() == ["default", "default"])
        #expect(try await change.value.refresh(in: fixture.context()).volumes.count == 2)
        _ = try await change.value.deactivate(in: fixture.context())
        #expect(try fixture.initiator.sessions() == ["default", "default"])
        #expect(try fixture.initiator.database().isEmpty)
    }

    @Test func aTargetWithoutLUNsIsAnEmptyPool() async throws {
        let fixture = try ISCSIFixture { $0.luns = [] }
        let snapshot = try await fixture.start().refresh(in: fixture.context())
        #expect(snapshot.volumes.isEmpty && snapshot.problems.isEmpty)
    }

    /// L64: some targets have a group of -1.
    @Test func oddPortalsOfADiscovery() async throws {
        let fixture = try ISCSIFixture { script in
            script.offered = ["10.0.0.1:3260,-1"]
            script.noise =
                "garbage\n10.0.0.3:99999,1 \(PlayedInitiator.target)\n10.0.0.4:3260,1 iqn.2003-01.org.example:t1/../x\n"
        }
        _ = try await fixture.start()
        #expect(try fixture.initiator.sessions() == [ISCSIFixture.interface])
        #expect(
            try fixture.initiator.database().contains(
                "nodes/\(PlayedInitiator.target)/10.0.0.1,3260,-1/\(ISCSIFixture.interface)"))
    }

    // MARK: Failures, step by step

    private func failure(
        _ fixture: ISCSIFixture, _ definition: PoolDefinition = ISCSIFixture.definition()
    ) async throws -> StorageError {
        let error = await #expect(throws: StorageError.self) {
            _ = try await fixture.backend.activate(definition, in: fixture.context())
        }
        return try #require(error)
    }

    @Test(arguments: [
        (Int32(20), StorageError.Code.unavailable), (24, .authenticationFailed), (19, .authenticationFailed),
        (8, .timedOut), (6, .hostFailure),
    ])
    func aDiscoveryThatFailsLeavesNothing(_ status: Int32, _ code: StorageError.Code) async throws {
        let fixture = try ISCSIFixture { $0.discoveries["10.0.0.1:3260"] = .status(status) }
        let error = try await failure(fixture)
        #expect(error.code == code)
        #expect("\(error) \(error.causes)".contains("(iscsiadm's code \(status))"))
        try fixture.expectNothingLeft()
    }

    @Test func aTargetThatNobodyOffersIsNotFound() async throws {
        let fixture = try ISCSIFixture { $0.offered = [] }
        let error = try await failure(fixture)
        #expect(error.code == .notFound)
        #expect(error.message == "The portal 10.0.0.1:3260 offers no target \(PlayedInitiator.target)")
        try fixture.expectNothingLeft()
    }

    @Test func aRecordThatIsRefusedLeavesNothing() async throws {
        let fixture = try ISCSIFixture { $0.new = .status(7) }
        #expect(try await failure(fixture).code == .hostFailure)
        try fixture.expectNothingLeft()
    }

    /// L70: a wrong secret is told at once, with the code that scripts know, and leaves no record with it.
    @Test func aRefusedLoginLeavesNothing() async throws {
        let fixture = try ISCSIFixture { script in
            script.logins = ["10.0.0.1:3260": .status(24), "10.0.0.2:3260": .status(8)]
        }
        let error = try await failure(fixture, ISCSIFixture.definition(chap: true))
        #expect(error.code == .authenticationFailed)
        #expect(error.message.contains("the target refuses the CHAP name or secret"))
        #expect(error.causes.contains { $0.code == .timedOut })
        #expect(!"\(error)".contains(ISCSIFixture.secret))
        try fixture.expectNothingLeft()
    }

    @Test func aProgramThatWasKilledLeavesNothing() async throws {
        let fixture = try ISCSIFixture { script in
            script.logins = ["10.0.0.1:3260": .status(137), "10.0.0.2:3260": .status(137)]
        }
        let error = try await failure(fixture)
        #expect(error.message.contains("it was ended by signal 9"))
        try fixture.expectNothingLeft()
    }

    @Test func aFolderThatCannotBeWrittenLeavesNothing() async throws {
        let fixture = try ISCSIFixture()
        try fixture.tree.write("\(PlayedInitiator.folder)/ifaces", "not a folder")
        #expect(try await failure(fixture).code == .hostFailure)
        #expect(fixture.initiator.log.isEmpty)
        #expect(try fixture.initiator.database() == ["ifaces"])
    }

    @Test func aCancelledStartLeavesNothing() async throws {
        let fixture = try ISCSIFixture { script in
            script.logins = ["10.0.0.1:3260": .silent, "10.0.0.2:3260": .silent]
        }
        let start = Task { try await fixture.backend.activate(ISCSIFixture.definition(), in: fixture.context()) }
        while fixture.initiator.log.filter({ $0.contains("--login") }).count < 2 { await Task.yield() }
        start.cancel()
        await #expect(throws: StorageError.self) { _ = try await start.value }
        try fixture.expectNothingLeft()
    }

    /// L55: iscsiadm waits for ever for an iscsid that hangs.
    @Test func aHungDaemonIsTimedOut() async throws {
        let fixture = try ISCSIFixture(command: .milliseconds(50)) { $0.discoveries["10.0.0.1:3260"] = .silent }
        let error = try await failure(fixture)
        #expect(error.code == .timedOut)
        #expect(error.message.contains("iscsid doesn't answer"))
        try fixture.expectNothingLeft()
    }

    /// L56: programs of two versions misunderstand each other.
    @Test func twoVersionsAreNamed() async throws {
        let fixture = try ISCSIFixture { script in
            script.discoveries["10.0.0.1:3260"] = .status(18)
            script.versions = ["iscsiadm": "2.1.8", "iscsid": "2.1.11"]
        }
        let error = try await failure(fixture)
        #expect(error.code == .unavailable)
        #expect(error.causes.contains { $0.message.contains("iscsiadm is of version 2.1.8 and iscsid of 2.1.11") })
        fixture.initiator.change { $0.versions["iscsid"] = "2.1.8" }
        #expect(try await !failure(fixture).causes.contains { $0.message.contains("of version") })
    }

    @Test func aMissingProgramIsNamed() async throws {
        let fixture = try ISCSIFixture { $0.isInstalled = false }
        let error = try await failure(fixture)
        #expect(error.code == .unavailable)
        #expect(error.message.contains("install the package open-iscsi"))
        let availability = await fixture.backend.availability()
        #expect(!availability.isAvailable && availability.package == "open-iscsi")
    }

    @Test func aMissingDaemonIsNamed() async throws {
        let fixture = try ISCSIFixture()
        #expect(await fixture.backend.availability().isAvailable)
        try fixture.tree.write(PlayedInitiator.sockets, "Num")
        let availability = await fixture.backend.availability()
        #expect(availability.reason?.contains("systemctl start iscsid") == true)
        // It is installed: there is nothing to install.
        #expect(availability.package == nil)
    }

    @Test func aSecretThatARecordCannotHoldIsRefused() async throws {
        let fixture = try ISCSIFixture().with(secrets: ["lab": "twelve chars\n"])
        let error = try await failure(fixture, ISCSIFixture.definition(chap: true))
        #expect(error.code == .invalidArgument)
        #expect(error.subject.values[.secret] == "lab")
        try fixture.expectNothingLeft()
    }
}
