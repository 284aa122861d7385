import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// A pool whose images stand on those of another one, or have their data there, on real clusters of their own: librbd asks every pool of a
/// cluster for an image's clones, and so a silent one keeps other tests waiting.
@Suite(.timeLimit(.minutes(5))) struct RBDOtherPoolsServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    private func cluster(_ pools: String...) async throws -> CephCluster {
        try await withThread {
            let cluster = try CephCluster()
            for pool in pools {
                try cluster.ceph("osd", "pool", "create", pool, "1")
                try cluster.ceph("osd", "pool", "application", "enable", pool, "rbd")
                // Something to be found there, until it is silent.
                try cluster.rados("-p", pool, "create", "rbd_directory")
            }
            return cluster
        }
    }

    private func withPool(
        _ place: String, of cluster: CephCluster, _ body: (RBDPool) async throws -> Void
    ) async throws {
        try await fixture.withPool(fixture.definition(of: place, port: cluster.port), key: cluster.key, body)
    }

    /// Has a pool answer nothing, as its placement group is inactive.
    private func silence(_ pool: String, of cluster: CephCluster) async throws {
        try await withThread {
            try cluster.ceph("osd", "pool", "set", pool, "size", "2", "--yes-i-really-mean-it")
            try cluster.ceph("osd", "pool", "set", pool, "min_size", "2")
            // Until the OSD knows of it.
            while (try? cluster.rados("--rados-osd-op-timeout=1", "-p", pool, "stat", "rbd_directory")) != nil {}
        }
    }

    @Test("another pool that is silent costs what it would tell, and not the refresh")
    func outlivesASilentPool() async throws {
        let (own, other) = ("own", "other")
        let cluster = try await cluster(own, other)
        let base = try await withThread {
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
        try await withPool(own, of: cluster) { pool in
            func seen(within time: Duration = .seconds(120)) async throws -> [String: Volume] {
                let volumes = try await pool.refresh(in: fixture.context(deadline: time, key: cluster.key)).volumes
                return Dictionary(uniqueKeysWithValues: volumes.map { ($0.name, $0) })
            }
            var volumes = try await seen()
            #expect(volumes.count == 4 && volumes.values.allSatisfy { $0.problems.isEmpty && !$0.isEncryptionUnknown })
            for name in ["copy", "written"] { #expect(volumes[name]?.parent == "\(other)/base") }

            try await silence(other, of: cluster)
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

    @Test("a silent pool with a parent's data costs what its clones would tell, also where it is in the trash")
    func outlivesASilentDataPool() async throws {
        let (own, data) = ("own", "data")
        let cluster = try await cluster(own, data)
        try await withThread {
            // The silent one's clones come first.
            for (name, pool) in [("a", data), ("b", data), ("c", own)] {
                try cluster.rbd("create", "--size=8M", "--data-pool=\(pool)", "\(own)/\(name)")
                // librbd looks for no object that the parent's map doesn't have.
                try cluster.rbd(
                    "bench", "--io-type=write", "--io-total=4K", "--io-size=4K", "\(own)/\(name)")
                try cluster.rbd("snap", "create", "\(own)/\(name)@s")
                try cluster.rbd(
                    "clone", "--rbd-default-clone-format=2", "\(own)/\(name)@s", "\(own)/\(name)-clone")
            }
            try cluster.rbd("trash", "move", "\(own)/b")
        }
        try await silence(data, of: cluster)
        try await withPool(own, of: cluster) { pool in
            let context = fixture.context(deadline: .seconds(25), key: cluster.key)
            let volumes = try await pool.refresh(in: context).volumes
            #expect(volumes.map(\.name).sorted() == ["a", "a-clone", "b-clone", "c", "c-clone"])
            for volume in volumes {
                let isKnown = volume.name.hasPrefix("c")
                #expect(volume.isEncryptionUnknown != isKnown, "\(volume.name)")
                #expect(volume.problems.map(\.code) == (isKnown ? [] : [.timedOut]), "\(volume.name)")
            }
        }
    }

    @Test("discovery leaves out the namespaces of a pool that is silent, and says so; it lists all else")
    func discoversBesidesASilentPool() async throws {
        let cluster = try await cluster("silent")
        try await withThread {
            for pool in ["rbd", "silent"] { try cluster.rbd("namespace", "create", "\(pool)/tenant") }
        }
        let source = fixture.definition(port: cluster.port).source
        let key = try CephKey(SecretBytes(cluster.key.utf8), of: .usage("ceph"))
        func places() async throws -> ClusterConnection.Places {
            try await withThread {
                try ClusterConnection.places(
                    of: try RBDSource(discovering: source), key: key, until: .after(.seconds(120)))
            }
        }
        #expect(try await places().names == ["rbd", "rbd/tenant", "silent", "silent/tenant"])
        try await silence("silent", of: cluster)
        let found = try await places()
        #expect(found.names == ["rbd", "rbd/tenant", "silent"])
        let problem = try #require(found.problems.first)
        #expect(problem.code == .timedOut)
        #expect(problem.message.hasPrefix("Can't list the namespaces of the pool 'silent'"))
    }

    @Test("a rename that comes late, after nobody waits for it any more, is told as one that may have come")
    func tellsOfALateRename() async throws {
        let cluster = try await cluster()
        let context = fixture.context(key: cluster.key)
        try await withPool("rbd", of: cluster) { pool in
            let request = VolumeRequest(VolumeDefinition(name: "staged", capacity: ByteCount(1 << 20)))
            let made = try await pool.createVolume(request, in: context).value
            cluster.pauseStorage()
            let error = await #expect(throws: StorageError.self) {
                try await pool.publish(
                    "staged", as: "v", in: fixture.context(deadline: .seconds(1), key: cluster.key))
            }
            cluster.resumeStorage()
            #expect(error?.code == .timedOut)
            #expect(
                error?.causes.map(\.message) == [
                    "The new image may be there as 'v', whole: refresh the pool"
                ])
            var volumes: [Volume] = []
            while volumes.map(\.name) != ["v"] { volumes = try await pool.refresh(in: context).volumes }
            #expect(volumes.first?.image == made.image)
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
