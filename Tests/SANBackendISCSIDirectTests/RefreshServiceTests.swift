import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendISCSIDirect

/// Logging in to and listing a real target.
@Suite(.timeLimit(.minutes(5))) struct RefreshServiceTests {
    static let iqn = "iqn.2013-06.com.example:refresh"

    private func started(_ address: String = "127.0.0.1") throws -> TgtServer {
        let server = try TgtServer(address: address)
        try server.addTarget(1, Self.iqn)
        return server
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func listsUnits(_ address: String) async throws {
        let server = try started(address)
        try server.addLUN(1, of: 1, size: 64 << 20)
        try server.addLUN(300, of: 1, size: 32 << 20, blockSize: 4_096)
        let snapshot = try await PoolFixture.pool(of: server, target: Self.iqn).refresh(in: PoolFixture.context())
        #expect(snapshot.volumes.map(\.name) == ["unit:0:0:0", "unit:0:0:1", "unit:0:0:300"])
        #expect(snapshot.capacity == ByteCount(96 << 20) && snapshot.allocation == snapshot.capacity)
        #expect(snapshot.available == 0 && snapshot.problems.isEmpty)

        let controller = snapshot.volumes[0]
        #expect(controller.unit?.deviceType == .controller && controller.definition.capacity == 0)
        let disk = snapshot.volumes[1]
        let path = "ip-\(server.portal)-iscsi-\(Self.iqn)-lun-1"
        #expect(disk.path == path && disk.key == path && disk.definition.type == .network)
        #expect(disk.definition.target.format == .raw && disk.definition.allocation == ByteCount(64 << 20))
        // What udev's scsi_id prints for it.
        #expect(disk.unit?.wwid == "360000000000000000e00000000010001" && disk.unit?.serial == "beaf11")
        #expect(disk.unit?.vendor == "IET" && disk.unit?.product == "VIRTUAL-DISK" && disk.unit?.transport == "iscsi")
        #expect(disk.unit?.paths == [LogicalUnit.Path(state: "running", portal: server.portal)])
        #expect(snapshot.volumes[2].unit?.blockSize == 4_096 && snapshot.volumes[2].problems.isEmpty)
    }

    @Test func listsManyUnits() async throws {
        let server = try started()
        for lun in 1...255 { try server.addLUN(lun, of: 1, size: 1 << 20) }
        let snapshot = try await PoolFixture.pool(of: server, target: Self.iqn).refresh(in: PoolFixture.context())
        #expect(snapshot.volumes.count == 256 && snapshot.capacity == ByteCount(255 << 20))
        #expect(Set(snapshot.volumes.compactMap { $0.unit?.wwid }).count == 256)
    }

    @Test func listsAnOfflineUnitBesideTheOthers() async throws {
        let server = try started()
        for lun in 1...3 { try server.addLUN(lun, of: 1, size: 1 << 20) }
        try server.update(2, of: 1, "online=0")
        let pool = try await PoolFixture.pool(of: server, target: Self.iqn)
        let volumes = try await pool.refresh(in: PoolFixture.context()).volumes
        #expect(volumes.count == 4)
        #expect(volumes[2].problems.map(\.code) == [.unavailable])
        #expect(volumes[2].problems.first?.message.contains("NOT READY") == true)
        try server.update(2, of: 1, "online=1")
        let again = try await pool.inspect(volumes[2], in: PoolFixture.context())
        #expect(again.problems.isEmpty && again.definition.capacity == ByteCount(1 << 20))
    }

    // MARK: CHAP

    @Test func logsInWithCHAP() async throws {
        let server = try started()
        try server.addLUN(1, of: 1, size: 1 << 20)
        try server.addAccount(of: 1, user: "user", password: "correct-horse")
        let pool = try await PoolFixture.pool(of: server, target: Self.iqn, user: "user")
        let right = FakeSecrets(values: ["chap": "correct-horse"])
        #expect(try await pool.refresh(in: PoolFixture.context(secrets: right)).volumes.count == 2)

        let wrong = FakeSecrets(values: ["chap": "battery-staple"])
        let error = await #expect(throws: StorageError.self) {
            try await pool.refresh(in: PoolFixture.context(secrets: wrong))
        }
        #expect(error?.code == .authenticationFailed && error?.description.contains("battery") == false)
        let otherUser = try await PoolFixture.pool(of: server, target: Self.iqn, user: "nobody")
        let refused = await #expect(throws: StorageError.self) {
            try await otherUser.refresh(in: PoolFixture.context(secrets: right))
        }
        #expect(refused?.code == .authenticationFailed)
        let anonymous = try await PoolFixture.pool(of: server, target: Self.iqn)
        let none = await #expect(throws: StorageError.self) { try await anonymous.refresh(in: PoolFixture.context()) }
        #expect(none?.code == .authenticationFailed)
        let missing = await #expect(throws: StorageError.self) { try await pool.refresh(in: PoolFixture.context()) }
        #expect(missing?.code == .notFound)
    }

    @Test func logsInWithMutualCHAP() async throws {
        let server = try started()
        try server.addLUN(1, of: 1, size: 1 << 20)
        try server.addAccount(of: 1, user: "user", password: "correct-horse")
        try server.addAccount(of: 1, user: "target", password: "battery-staple", isOutgoing: true)
        let pool = try await PoolFixture.pool(of: server, target: Self.iqn, user: "user")
        func refresh(_ mutual: String?) async throws -> Int {
            var values = ["chap": "correct-horse"]
            values["chap:mutual"] = mutual
            let context = PoolFixture.context(secrets: FakeSecrets(values: values))
            return try await pool.refresh(in: context).volumes.count
        }
        #expect(try await refresh("target:battery-staple") == 2)
        #expect(try await refresh(nil) == 2)
        for wrong in ["target:another-secret", "impostor:battery-staple"] {
            let error = await #expect(throws: StorageError.self) { try await refresh(wrong) }
            #expect(error?.code == .authenticationFailed && error?.message.contains("mutual") == true)
        }
        let malformed = await #expect(throws: StorageError.self) { try await refresh("no-colon") }
        #expect(malformed?.code == .invalidArgument)
    }

    // MARK: Failures

    @Test func tellsFailuresApart() async throws {
        let server = try started()
        func refresh(_ host: String, _ port: UInt16?, _ target: String) async throws {
            let definition = PoolFixture.definition(host: host, port: port, target: target)
            _ = try await PoolFixture.pool(definition).refresh(in: PoolFixture.context())
        }
        let other = await #expect(throws: StorageError.self) {
            try await refresh("127.0.0.1", server.port, "iqn.2013-06.com.example:nonesuch")
        }
        #expect(other?.code == .notFound && other?.subject.values[.target] == "iqn.2013-06.com.example:nonesuch")
        let unknown = await #expect(throws: StorageError.self) {
            try await refresh("no-such-host.invalid", 3260, Self.iqn)
        }
        // A host without a name service can't know that there is no such name.
        #expect([.notFound, .unavailable].contains(unknown?.code))
        #expect(unknown?.subject.values[.host] == "no-such-host.invalid")
        server.stop()
        let refused = await #expect(throws: StorageError.self) { try await refresh("127.0.0.1", server.port, Self.iqn) }
        #expect(refused?.code == .unavailable && refused?.message.contains("refused") == true)
    }

    /// libvirt blocks without a limit here.
    @Test func givesUpOnAHungTargetAndRecovers() async throws {
        let server = try started()
        try server.addLUN(1, of: 1, size: 1 << 20)
        let pool = try await PoolFixture.pool(of: server, target: Self.iqn)
        #expect(try await pool.refresh(in: PoolFixture.context()).volumes.count == 2)
        server.pause()
        let error = await #expect(throws: StorageError.self) {
            try await pool.refresh(in: PoolFixture.context(deadline: .seconds(1)))
        }
        #expect(error?.code == .timedOut && error?.message.contains(server.portal) == true)
        server.resume()
        #expect(try await pool.refresh(in: PoolFixture.context()).volumes.count == 2)
    }

    // MARK: Discovery

    @Test func discoversTargets() async throws {
        let server = try started()
        try server.addTarget(2, "iqn.2013-06.com.example:another")
        var query = PoolSource()
        query.hosts = [PoolSource.Host(name: "localhost", port: server.port)]
        let sources = try await PoolFixture.backend.discoverSources(query, in: PoolFixture.context())
        #expect(sources.map { $0.devices.map(\.path) } == [["iqn.2013-06.com.example:another"], [Self.iqn]])
        #expect(sources.allSatisfy { $0.hosts == query.hosts && $0.initiator != nil })
        let definition = PoolDefinition(type: .iscsiDirect, name: "found", source: sources[1])
        #expect(try await PoolFixture.pool(definition).refresh(in: PoolFixture.context()).volumes.count == 1)
    }

    @Test func discoversWithCHAP() async throws {
        let server = try started()
        try server.addDiscoveryAccount(user: "finder", password: "correct-horse")
        var query = PoolSource()
        query.hosts = [PoolSource.Host(name: "127.0.0.1", port: server.port)]
        let none = await #expect(throws: StorageError.self) {
            try await PoolFixture.backend.discoverSources(query, in: PoolFixture.context())
        }
        #expect(none?.code == .authenticationFailed)
        query.authentication = .init(kind: .chap, username: "finder", secret: .usage("chap"))
        let secrets = FakeSecrets(values: ["chap": "correct-horse"])
        let sources = try await PoolFixture.backend.discoverSources(query, in: PoolFixture.context(secrets: secrets))
        #expect(sources.map { $0.devices.map(\.path) } == [[Self.iqn]])
        #expect(sources.first?.authentication == query.authentication)
    }
}
