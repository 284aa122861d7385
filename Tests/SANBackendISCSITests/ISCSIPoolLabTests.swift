import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendISCSI

@Suite("iscsi pools on sessions of a real kernel", .serialized, .timeLimit(.minutes(10)))
struct ISCSIPoolLabTests {
    private let host = HostRoot("/")
    private let folder: TemporaryFolder
    private let backend: ISCSIBackend

    init() throws {
        folder = try TemporaryFolder()
        backend = ISCSIBackend(host: host, commands: SubprocessRunner(), events: UdevMonitor())
    }

    private func context(_ secrets: [String: String] = [:]) -> OperationContext {
        OperationContext(
            deadline: .after(.seconds(240)), patience: .seconds(240), secrets: FixedSecrets(secrets),
            coordinator: HostCoordinator(runtime: folder.path),
            activations: ActivationStore(runtime: folder.path, host: host), logger: Logger(label: "test"))
    }

    private func definition(
        _ target: LabTarget, hosts: [String] = ["10.99.0.1"], chap: Bool = false, initiator: String? = nil
    ) -> PoolDefinition {
        var definition = ISCSIFixture.definition(hosts: hosts, chap: chap, initiator: initiator)
        definition.source.devices = [PoolSource.Device(path: target.iqn)]
        return definition
    }

    private func start(_ definition: PoolDefinition, _ secrets: [String: String] = [:]) async throws -> ISCSIPool {
        try await backend.activate(definition, in: context(secrets)).value
    }

    /// What open-iscsi's database has, besides its empty folders.
    private func records(_ lab: Lab) async throws -> [String] {
        let found = try await lab.attempt(
            "find",
            [
                "/etc/iscsi/nodes", "/etc/iscsi/ifaces", "/etc/iscsi/static", "/etc/iscsi/send_targets", "!", "-type",
                "d",
            ])
        return String(decoding: found.output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private func expectNothingLeft(_ lab: Lab, sourceLocation: Testing.SourceLocation = #_sourceLocation) async throws {
        #expect(try ISCSISession.all(on: host).isEmpty, sourceLocation: sourceLocation)
        #expect(try await records(lab).isEmpty, sourceLocation: sourceLocation)
    }

    @Test(
        "CHAP both ways, for discovery too; an initiator name of the pool's own; every portal; and nothing left at the end"
    )
    func authentication() async throws {
        try await Lab.run { lab in
            let name = "iqn.2013-06.com.example:guest-7"
            let target = try await lab.target(
                portals: ["10.99.0.1:3260", "10.99.0.2:3260", "[fd99::1]:3260"], initiators: [name])
            try await target.addLUN(0, size: 32 << 20)
            // Above 255 a number has two bytes.
            let far = try await target.addLUN(300, size: 16 << 20)
            try target.requireCHAP("usr", "secretsecret12", mutual: ("tgt", "targetsecret12"))
            try await lab.requireDiscoveryCHAP("usr", "secretsecret12", mutual: ("tgt", "targetsecret12"))
            _ = try await lab.initiator()
            let secrets = ["lab": "secretsecret12", "lab:mutual": "tgt:targetsecret12"]
            let pool = try await start(definition(target, chap: true, initiator: name), secrets)
            let sessions = try ISCSISession.all(target: target.iqn, on: host)
            #expect(
                sessions.compactMap { $0.portal?.description }.sorted() == [
                    "10.99.0.1:3260", "10.99.0.2:3260", "[fd99::1]:3260",
                ])
            #expect(sessions.allSatisfy { $0.initiator == name })
            let snapshot = try await pool.refresh(in: context(secrets))
            #expect(snapshot.problems.isEmpty, "\(snapshot.problems)")
            #expect(snapshot.volumes.map(\.name) == ["unit:0:0:0", "unit:0:0:300"])
            #expect(snapshot.volumes.flatMap(\.problems).isEmpty, "\(snapshot.volumes.flatMap(\.problems))")
            let volume = try #require(snapshot.volumes.last)
            #expect(volume.definition.capacity?.bytes == 16 << 20)
            #expect(volume.unit?.wwid == far.wwid)
            #expect(volume.unit?.paths.count == 3)
            #expect(volume.unit?.linksByPath.count == 3)
            // What scsi_id says is what libvirt's key is.
            let text = try await lab.run(
                "udevadm", "info", "--query=property", "--property=ID_SERIAL", "--value", volume.path)
            #expect(volume.definition.key == text.split(separator: "\n").first.map(String.init))
            _ = try await pool.deactivate(in: context(secrets))
            try await expectNothingLeft(lab)

            // The target proves itself with another secret: nobody logs in, and nothing stays.
            let wrong = ["lab": "secretsecret12", "lab:mutual": "tgt:anothersecret1"]
            let error = await #expect(throws: StorageError.self) {
                _ = try await start(definition(target, chap: true, initiator: name), wrong)
            }
            #expect(error?.code == .authenticationFailed, "\(String(describing: error))")
            try await expectNothingLeft(lab)
            let refused = await #expect(throws: StorageError.self) {
                _ = try await start(definition(target, chap: true, initiator: name), ["lab": "notthesecret12"])
            }
            #expect(refused?.code == .authenticationFailed, "\(String(describing: refused))")
            try await expectNothingLeft(lab)

            var query = definition(target, chap: true).source
            query.devices = []
            let found = try await backend.discoverSources(query, in: context(secrets))
            #expect(found.flatMap(\.devices).map(\.path) == [target.iqn])
            try await expectNothingLeft(lab)
        }
    }

    /// L52: iscsiadm alone takes minutes over it.
    @Test(
        "a portal that is dead at the start is named, and is logged in to once it is back; one that dies is a path less"
    )
    func deadPortal() async throws {
        try await Lab.run { lab in
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            try await target.addLUN(0, size: 32 << 20)
            _ = try await lab.initiator()
            try await lab.blackhole("10.99.0.2")
            let pool = try await start(definition(target))
            let snapshot = try await pool.refresh(in: context())
            #expect(snapshot.volumes.map(\.name) == ["unit:0:0:0"])
            #expect(snapshot.problems.count == 1)
            #expect(snapshot.problems.first?.message.contains("no session to the portal 10.99.0.2:3260") == true)
            try await lab.restore("10.99.0.2")
            try await lab.wait(for: "the second session") {
                let now = try await pool.refresh(in: context())
                return now.problems.isEmpty && now.volumes.first?.unit?.paths.count == 2
            }
            try await lab.blackhole("10.99.0.2")
            try await lab.wait(for: "iscsid to notice") {
                try ISCSISession.all(on: host).contains { $0.state == "FAILED" }
            }
            let broken = try await pool.refresh(in: context())
            #expect(broken.problems.map(\.code) == [.unavailable])
            #expect(
                broken.volumes.first?.problems.contains { $0.message.contains("1 of 2 paths are up") } == true,
                "\(broken)")
            _ = try await pool.deactivate(in: context())
            try await expectNothingLeft(lab)
        }
    }

    @Test("LUNs that come are listed; those that go are deleted once nobody uses them; who uses one keeps the pool")
    func changes() async throws {
        try await Lab.run { lab in
            let target = try await lab.target()
            let initiator = try await lab.initiator()
            let pool = try await start(definition(target))
            #expect(try await pool.refresh(in: context()).volumes.isEmpty)
            try await target.addLUN(0, size: 32 << 20)
            try await target.addLUN(1, size: 32 << 20)
            let volumes = try await pool.refresh(in: context()).volumes
            #expect(volumes.map(\.name) == ["unit:0:0:0", "unit:0:0:1"])
            #expect(volumes.flatMap(\.problems).isEmpty, "\(volumes.flatMap(\.problems))")

            // Used as swap, both the pool and the device stay, even when the target has taken the LUN away.
            let used = try #require(volumes.last)
            try await lab.run("mkswap", used.path)
            try await lab.run("swapon", used.path)
            let error = await #expect(throws: StorageError.self) { _ = try await pool.deactivate(in: context()) }
            #expect(error?.code == .busy)
            #expect(error?.message.contains("used as swap") == true, "\(String(describing: error))")
            try target.removeLUN(1)
            try target.removeLUN(0)
            let left = try await pool.refresh(in: context()).volumes
            #expect(left.map(\.name) == ["unit:0:0:1"])
            #expect(left.first?.problems.contains { $0.message.contains("used as swap") } == true, "\(left)")
            try await lab.run("swapoff", used.path)
            #expect(try await pool.refresh(in: context()).volumes.isEmpty)
            #expect(try ISCSISession.all(on: host).flatMap { try $0.units() }.allSatisfy { $0.block == nil })
            _ = try await pool.deactivate(in: context())
            try await expectNothingLeft(lab)

            // A session that is there already is used, and stays.
            try await target.addLUN(2, size: 16 << 20)
            try await initiator.discover()
            try await initiator.logIn(target.iqn)
            let adopted = try await backend.activate(definition(target), in: context())
            #expect(!adopted.isChanged)
            #expect(try await adopted.value.refresh(in: context()).volumes.map(\.name) == ["unit:0:0:2"])
            _ = try await adopted.value.deactivate(in: context())
            #expect(try ISCSISession.all(on: host).count == 1)
        }
    }

    @Test(
        "a LUN over two portals is one volume, on its map; it is written, read and wiped through the map, which goes with the pool"
    )
    func multipath() async throws {
        try await Lab.run { lab in
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            let disk = try await target.addLUN(0, size: 16 << 20)
            _ = try await lab.initiator()
            let multipath = try await lab.multipath()
            let pool = try await start(definition(target))
            let snapshot = try await pool.refresh(in: context())
            let volume = try #require(snapshot.volumes.first)
            #expect(snapshot.volumes.count == 1)
            #expect(volume.path == "/dev/mapper/\(disk.wwid)")
            #expect(volume.unit?.paths.map(\.portal) == ["10.99.0.1:3260", "10.99.0.2:3260"])
            #expect(volume.problems.isEmpty, "\(volume.problems)")

            let bytes = LocalEnds.pattern(16 << 20)
            try LocalEnds.write(bytes, to: folder.appending("source"))
            let sent = try await pool.upload(
                try LocalEnds.reading(folder.appending("source")), to: volume, TransferRequest(), in: context())
            #expect(sent.bytes.bytes == 16 << 20)
            _ = try await pool.download(
                volume, to: try LocalEnds.writing(folder.appending("sink")), TransferRequest(), in: context())
            #expect(try LocalEnds.read(folder.appending("sink")) == bytes)
            _ = try await pool.wipe(volume, .zero, in: context())
            _ = try await pool.download(
                volume, to: try LocalEnds.writing(folder.appending("sink")), TransferRequest(), in: context())
            #expect(try LocalEnds.read(folder.appending("sink")).allSatisfy { $0 == 0 })

            // What the target takes away takes its map along.
            try target.removeLUN(0)
            #expect(try await pool.refresh(in: context()).volumes.isEmpty)
            #expect(LabMultipath.maps.isEmpty)
            try target.addLUN(0, disk)
            #expect(try await pool.refresh(in: context()).volumes.map(\.path) == [volume.path])
            _ = try await pool.deactivate(in: context())
            #expect(LabMultipath.maps.isEmpty)
            try await expectNothingLeft(lab)
            multipath.stop()
        }
    }

    @Test("a portal that takes connections and says nothing, and an iscsid that isn't there")
    func silence() async throws {
        try await Lab.run { lab in
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            try await target.addLUN(0, size: 16 << 20)
            let initiator = try await lab.initiator()
            try lab.hungPortal("10.99.0.3")
            let late = await #expect(throws: StorageError.self) {
                _ = try await start(definition(target, hosts: ["10.99.0.3"]))
            }
            #expect(late?.code == .timedOut, "\(String(describing: late))")
            try await expectNothingLeft(lab)
            let pool = try await start(definition(target, hosts: ["10.99.0.3", "10.99.0.1"]))
            initiator.stop()
            let error = await #expect(throws: StorageError.self) { _ = try await pool.deactivate(in: context()) }
            #expect(error?.code == .unavailable, "\(String(describing: error))")
            #expect(try ISCSISession.all(on: host).count == 2)
            // It takes the sessions over and connects them again, in its own time.
            try await initiator.start()
            _ = try await pool.deactivate(in: context())
            try await expectNothingLeft(lab)
        }
    }
}
