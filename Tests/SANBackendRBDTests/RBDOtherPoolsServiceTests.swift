import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// A pool whose images stand on those of another one, or have their data there, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDOtherPoolsServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test("another pool that is silent costs what it would tell, and not the refresh")
    func outlivesASilentPool() async throws {
        let (cluster, own, other) = (fixture.cluster, "own-\(fixture.namespace)", "other-\(fixture.namespace)")
        let base = try await withThread {
            for pool in [own, other] {
                try cluster.ceph("osd", "pool", "create", pool, "1")
                try cluster.ceph("osd", "pool", "application", "enable", pool, "rbd")
            }
            try cluster.rbd("create", "--size=8M", "\(own)/plain")
            try cluster.rbd("create", "--size=8M", "--data-pool=\(other)", "\(own)/data")
            try cluster.rbd("create", "--size=8M", "\(other)/base")
            try cluster.rbd("snap", "create", "\(other)/base@s")
            for name in ["copy", "written"] {
                try cluster.rbd(
                    "clone", "--rbd-default-clone-format=2", "\(other)/base@s", "\(own)/\(name)")
            }
            try cluster.rbd("bench", "--io-type=write", "--io-total=4K", "--io-size=4K", "\(own)/written")
            return try cluster.rbd("info", "\(other)/base").firstMatch(of: /id: ([0-9a-f]+)/).map { String($0.1) }
        }
        try await fixture.withPool(fixture.definition(of: own)) { pool in
            func seen(within time: Duration = .seconds(120)) async throws -> [String: Volume] {
                let volumes = try await pool.refresh(in: fixture.context(deadline: time)).volumes
                return Dictionary(uniqueKeysWithValues: volumes.map { ($0.name, $0) })
            }
            var volumes = try await seen()
            #expect(volumes.count == 4 && volumes.values.allSatisfy { $0.problems.isEmpty && !$0.isEncryptionUnknown })
            for name in ["copy", "written"] { #expect(volumes[name]?.parent == "\(other)/base") }

            try await withThread {
                try cluster.ceph("osd", "pool", "set", other, "size", "2", "--yes-i-really-mean-it")
                try cluster.ceph("osd", "pool", "set", other, "min_size", "2")
                // Until the OSD knows of it.
                while (try? cluster.rados("--rados-osd-op-timeout=1", "-p", other, "stat", "rbd_directory")) != nil {}
            }
            volumes = try await seen(within: .seconds(25))
            #expect(volumes.count == 4 && volumes["plain"]?.problems.isEmpty == true)
            for name in ["copy", "written"] {
                #expect(volumes[name]?.parent == "\(other), image id \(try #require(base))")
            }
            #expect(volumes["written"]?.problems.isEmpty == true && volumes["written"]?.isEncryptionUnknown == false)
            for name in ["copy", "data"] {
                #expect(
                    volumes[name]?.problems.map(\.code) == [.timedOut] && volumes[name]?.isEncryptionUnknown == true)
                #expect(volumes[name]?.definition.capacity == ByteCount(8 << 20))
            }

            _ = try await withThread { try cluster.ceph("osd", "pool", "set", other, "min_size", "1") }
            volumes = try await seen()
            #expect(volumes["copy"]?.parent == "\(other)/base" && volumes["copy"]?.problems.isEmpty == true)
        }
    }
}
