import SANEngine
import SANModel
import Testing

@testable import SANBackendRBD

@Suite struct RBDSourceTests {
    private func definition(_ name: String, _ hosts: [PoolSource.Host]) -> PoolDefinition {
        var source = PoolSource()
        source.name = name
        source.hosts = hosts
        return PoolDefinition(type: .rbd, name: "p", source: source)
    }

    @Test("monitors are written as librados takes them: an IPv6 address has brackets, with a port and without")
    func writesMonitors() throws {
        let source = try RBDSource(
            definition(
                "rbd",
                [
                    .init(name: "10.0.0.1"), .init(name: "mon.example.com", port: 6789), .init(name: "fd00::1"),
                    .init(name: "[fd00::2]", port: 3300), .init(name: "fd00::3", port: 0),
                ]))
        #expect(
            source.monitors == ["10.0.0.1", "mon.example.com:6789", "[fd00::1]", "[fd00::2]:3300", "[fd00::3]"])
        #expect(
            source.addresses.prefix(6) == [
                "v2:10.0.0.1:3300", "v1:10.0.0.1:6789", "v2:mon.example.com:6789", "v1:mon.example.com:6789",
                "v2:[fd00::1]:3300", "v1:[fd00::1]:6789",
            ])
    }

    @Test func readsPoolAndNamespace() throws {
        let plain = try RBDSource(definition("rbd", [.init(name: "m")]))
        #expect(plain.pool == "rbd" && plain.namespace.isEmpty && plain.path(of: "v") == "rbd/v")
        let inner = try RBDSource(definition("rbd/ns", [.init(name: "m")]))
        #expect(inner.pool == "rbd" && inner.namespace == "ns" && inner.path(of: "v") == "rbd/ns/v")
    }

    @Test(arguments: ["", "/", "a/", "/b", "a/b/c"])
    func refusesPlaces(_ name: String) {
        #expect(throws: StorageError.self) { try RBDSource(definition(name, [.init(name: "m")])) }
    }

    @Test("a host's name can't bring another monitor along", arguments: ["a,b", "a;b", "a b", "", "a/b"])
    func refusesHosts(_ name: String) {
        #expect(throws: StorageError.self) { try RBDSource(definition("rbd", [.init(name: name)])) }
    }

    @Test func refusesCHAPAndNoHost() {
        var chap = definition("rbd", [.init(name: "m")])
        chap.source.authentication = .init(kind: .chap, username: "u", secret: .usage("s"))
        #expect(throws: StorageError.self) { try RBDSource(chap) }
        #expect(throws: StorageError.self) { try RBDSource(definition("rbd", [])) }
    }

    @Test("a host without Ceph's libraries says which package has them")
    func namesThePackage() {
        do {
            try CephLibrary.load(rados: "librados-nowhere.so.2", rbd: "librbd.so.1")
            Issue.record("a library that isn't there was loaded")
        } catch {
            #expect(error.code == .unavailable && error.message.contains("librados-nowhere.so.2"))
            #expect(error.subject.values[.tool] == "librados2")
        }
        do {
            try CephLibrary.load(rados: "libc.so.6", rbd: "libc.so.6")
            Issue.record("a library without functions was loaded")
        } catch {
            #expect(error.code == .unavailable)
        }
    }

    @Test("what a refused call means is decided by its number alone")
    func mapsFailures() {
        #expect(CephFailure(-2 as Int32).storageCode == .notFound)
        #expect(CephFailure(-13 as Int32).storageCode == .permissionDenied)
        #expect(CephFailure(-16 as Int32).storageCode == .busy)
        #expect(CephFailure(-108 as Int32).storageCode == .unavailable)
        #expect(CephFailure(-110 as Int32).storageCode == .timedOut)
        #expect(CephFailure(Int32.min).storageCode == .backendFailure)
        #expect(CephFailure(Int.min).storageCode == .backendFailure)
    }
}
