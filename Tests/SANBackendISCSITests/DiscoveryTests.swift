import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendISCSI

/// Finding targets, and what documents and records may say.
@Suite struct DiscoveryTests {
    private func query(_ hosts: String..., chap: Bool = false, initiator: String? = nil) -> PoolSource {
        var source = ISCSIFixture.definition(hosts: hosts, chap: chap, initiator: initiator).source
        source.devices = []
        return source
    }

    /// L58: what a discovery finds is told, and not kept.
    @Test func sourcesAreFoundAndNothingIsKept() async throws {
        let fixture = try ISCSIFixture { $0.noise = "10.0.0.1:3260,1 iqn.2003-01.org.example:t0\n" }
        let found = try await fixture.backend.discoverSources(query("10.0.0.1", "10.0.0.2"), in: fixture.context())
        #expect(found.map { $0.devices.map(\.path) } == [["iqn.2003-01.org.example:t0"], [PlayedInitiator.target]])
        #expect(found.map { $0.hosts.map(\.name) } == [["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"]])
        try fixture.expectNothingLeft()
    }

    @Test func credentialsAndInitiatorAreUsedAndHandedOn() async throws {
        let fixture = try ISCSIFixture { $0.wantsDiscoverySecret = true }
        let name = "iqn.2020-01.org.example:guest"
        let found = try await fixture.backend.discoverSources(
            query("10.0.0.1", chap: true, initiator: name), in: fixture.context())
        #expect(found.first?.initiator == name)
        #expect(found.first?.authentication?.username == "usr")
        #expect(!fixture.initiator.log.joined().contains { $0.contains(ISCSIFixture.secret) })
        try fixture.expectNothingLeft()
        let error = await #expect(throws: StorageError.self) {
            _ = try await fixture.backend.discoverSources(query("10.0.0.1"), in: fixture.context())
        }
        #expect(error?.code == .authenticationFailed)
        try fixture.expectNothingLeft()
    }

    @Test func aHostIsNeeded() async throws {
        let fixture = try ISCSIFixture()
        let error = await #expect(throws: StorageError.self) {
            _ = try await fixture.backend.discoverSources(query(), in: fixture.context())
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test(arguments: ["", "-x", "..", "a/b", "a,b", "a b", "a\u{85}", String(repeating: "a", count: 224)])
    func namesThatCannotBeTargetsAreRefused(_ name: String) {
        var source = ISCSIFixture.definition().source
        source.devices = [PoolSource.Device(path: name)]
        #expect(throws: StorageError.self) { _ = try ISCSISource(source) }
        #expect(DiscoveryOutput.parse(Array("10.0.0.1:3260,1 \(name)\n".utf8)).isEmpty)
    }

    @Test func addressesOfBothKinds() throws {
        let found = DiscoveryOutput.parse(Array("[fd99::1]:3260,1 eui.02004567A425678D\n10.0.0.1:3261,2 naa.1\n".utf8))
        #expect(found.map(\.target) == ["eui.02004567A425678D", "naa.1"])
        #expect(found.map(\.portal.recordName) == ["fd99::1,3260,1", "10.0.0.1,3261,2"])
        #expect(TargetPortal(recordName: "fd99::1,3260,1") == found.first?.portal)
        #expect(TargetPortal(recordName: "10.0.0.1,3260") == nil)
    }

    @Test func aPoolNeedsOneTargetAndCHAP() {
        var source = ISCSIFixture.definition().source
        source.devices.append(PoolSource.Device(path: "iqn.2003-01.org.example:t2"))
        #expect(throws: StorageError.self) { _ = try ISCSISource(source) }
        source = ISCSIFixture.definition().source
        source.hosts = []
        #expect(throws: StorageError.self) { _ = try ISCSISource(source) }
        source = ISCSIFixture.definition(chap: true).source
        source.authentication?.kind = .ceph
        #expect(throws: StorageError.self) { _ = try ISCSISource(source) }
    }

    /// L57: a record is what this host's iscsiadm writes, with our values in it.
    @Test func recordsAreEdited() {
        var record = NodeRecord(Array("# BEGIN RECORD\na = 1\nb = 2\n# END RECORD\n".utf8))
        record["a"] = "3"
        record["b"] = nil
        record["c"] = "x y"
        record["d"] = ""
        #expect(String(decoding: record.bytes, as: UTF8.self) == "# BEGIN RECORD\na = 3\nc = x y\n# END RECORD\n")
        #expect(record["c"] == "x y" && record["b"] == nil)
    }
}
