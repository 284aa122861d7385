import SANEngine
import SANHost
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

    @Test("monitors that are silent about a deleted pool cost what it would tell, and keep nobody from other pools")
    func outlivesSilentMonitors() async throws {
        let cluster = try await withThread {
            let cluster = try CephCluster()
            try cluster.ceph("osd", "pool", "create", "other", "1")
            return cluster
        }
        let context = fixture.context(key: cluster.key)
        try await fixture.withPool(fixture.definition(of: "rbd", port: cluster.port), key: cluster.key) { pool in
            let connection = try await pool.connections.connection(to: pool.source, in: context)
            let other = try await withThread {
                (1...9).first { connection.poolName(of: $0) == "other" }
            }
            let (pools, deleted): ([Int64], Int64) = ([try #require(other), 999], 999)
            let findings = pools.map { pool in
                let parent = ImageHeader.Parent(pool: pool, namespace: "", image: "abc", snapshot: 1)
                let header = ImageHeader(order: 22, size: 1 << 22, features: [], parent: parent)
                return ImageScan.Finding(
                    image: ListedImage(name: "v", id: "def"), header: .success(header), luks: .success(nil))
            }
            cluster.pauseMonitor()
            defer { cluster.resumeMonitor() }
            OneShotThread.start(name: "ask") { try? connection.imageNames(of: ["abc"], pool: deleted) { _, _ in } }
            let scan = ImageScan(connection: connection, deadline: .after(.seconds(8)), wantsUsage: false)
            let paths = await scan.parentPaths(of: findings)
            let found = findings.compactMap { $0.parent.map { paths[ParentImage($0)] } }
            #expect(found == ["other, image id abc", nil])
        }
    }
}
