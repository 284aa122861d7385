import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// Connecting and listing, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDRefreshServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test("names, keys and paths are libvirt's; the identity is the cluster's (L12)")
    func listsImages() async throws {
        try await fixture.withPool { pool in
            #expect(try await pool.refresh(in: fixture.context()).volumes.isEmpty)
            for index in 0..<70 { _ = try await fixture.create("v\(index)", UInt64(index + 1) << 20, in: pool) }
            let volumes = try await pool.refresh(in: fixture.context()).volumes
            #expect(Set(volumes.map(\.name)) == Set((0..<70).map { "v\($0)" }))
            for volume in volumes {
                #expect(volume.key == fixture.spec(volume.name) && volume.path == volume.key)
                #expect(volume.definition.type == .network && volume.definition.target.format == .raw)
                #expect(volume.definition.capacity == ByteCount(((UInt64(volume.name.dropFirst()) ?? 0) + 1) << 20))
                #expect(volume.definition.allocation == 0 && volume.snapshots == 0 && volume.problems.isEmpty)
            }
            #expect(Set(volumes.compactMap(\.image?.id)).count == 70)
            #expect(Set(volumes.compactMap(\.image?.cluster)).count == 1)
        }
    }

    @Test("allocation is what the object map counts, or the capacity where the document says so")
    func countsUsage() async throws {
        var logical = fixture.definition()
        logical.refresh = .init(allocation: .capacity)
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 64 << 20, in: pool)
            try await Transfers.upload(LocalEnds.pattern(9 << 20), to: volume, of: pool, fixture)
            let counted = try await pool.inspect(volume, in: fixture.context())
            #expect(counted.definition.allocation == ByteCount(12 << 20) && !counted.isAllocationUncounted)
        }
        try await fixture.withPool(logical) { pool in
            let volumes = try await pool.refresh(in: fixture.context()).volumes
            #expect(volumes.map(\.definition.allocation) == [ByteCount(64 << 20)])
            #expect(volumes.map(\.isAllocationUncounted) == [true])
        }
    }

    @Test("an image without its header is one volume with a problem, and can be deleted")
    func listsHalfDeletedImages() async throws {
        let (cluster, namespace) = (fixture.cluster, fixture.namespace)
        try await fixture.withPool { pool in
            _ = try await fixture.create("good", 1 << 20, in: pool)
            let bad = try await fixture.create("bad", 1 << 20, in: pool)
            let id = try #require(bad.image?.id)
            _ = try await withThread { try cluster.rados("-p", "rbd", "-N", namespace, "rm", "rbd_header.\(id)") }
            let volumes = try await pool.refresh(in: fixture.context()).volumes
            #expect(volumes.first { $0.name == "good" }?.problems.isEmpty == true)
            let listed = try #require(volumes.first { $0.name == "bad" })
            #expect(listed.problems.map(\.code) == [.notFound])
            #expect(try await pool.deleteVolume(listed, deletingSnapshots: false, in: fixture.context()).isChanged)
            #expect(try await pool.refresh(in: fixture.context()).volumes.map(\.name) == ["good"])
        }
    }

    @Test("a clone names its parent, and an image counts its snapshots")
    func tellsOfClones() async throws {
        try await fixture.withPool { pool in
            _ = try await fixture.create("base", 8 << 20, in: pool)
            try await fixture.rbd("snap", "create", fixture.spec("base") + "@s")
            try await fixture.rbd("snap", "protect", fixture.spec("base") + "@s")
            try await fixture.rbd("clone", fixture.spec("base") + "@s", fixture.spec("copy"))
            let volumes = try await pool.refresh(in: fixture.context()).volumes
            #expect(volumes.first { $0.name == "base" }?.snapshots == 1)
            let copy = try #require(volumes.first { $0.name == "copy" })
            #expect(copy.parent == fixture.spec("base"))
            #expect(try await pool.inspect(copy, in: fixture.context()).parent == fixture.spec("base"))
        }
    }

    @Test("the default namespace is the pool's own, with a path without it; the sizes are the pool's")
    func readsThePool() async throws {
        let cluster = fixture.cluster
        try await withThread { try cluster.startManager() }
        try await fixture.withPool(fixture.definition(of: "rbd")) { pool in
            let volume = try await fixture.create("plain", 1 << 20, in: pool)
            #expect(volume.key == "rbd/plain")
            // The figures come with the manager's next report.
            var snapshot = PoolSnapshot()
            let end = Deadline.after(.seconds(60))
            while (snapshot.available ?? 0) == 0, !end.hasPassed {
                snapshot = try await pool.refresh(in: fixture.context())
            }
            let (available, allocation) = (try #require(snapshot.available), try #require(snapshot.allocation))
            #expect(available > 0 && available < ByteCount(4 << 30))
            #expect(snapshot.capacity == available.adding(allocation))
            _ = try await withThread {
                try cluster.ceph("osd", "pool", "set-quota", "rbd", "max_bytes", "2147483648")
            }
            let quota = Deadline.after(.seconds(60))
            while (snapshot.available ?? 0) > ByteCount(2 << 30), !quota.hasPassed {
                snapshot = try await pool.refresh(in: fixture.context())
            }
            #expect(try #require(snapshot.available) <= ByteCount(2 << 30))
            _ = try await withThread { try cluster.ceph("osd", "pool", "set-quota", "rbd", "max_bytes", "0") }
            _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context())
        }
    }

    // MARK: Connecting

    @Test("either version of the messenger is found by the port alone")
    func findsTheMessenger() async throws {
        for port in [fixture.cluster.port, fixture.cluster.legacyPort] {
            try await fixture.withPool(fixture.definition(port: port)) { pool in
                _ = try await pool.refresh(in: fixture.context())
            }
        }
    }

    @Test("a wrong key is authentication_failed, also where librados would go on asking")
    func refusesAWrongKey() async throws {
        let key = "AQBQ1iBpAAAAABAAmF3iYcSkZ9WmUPoXlJ1KqA=="
        let found = await code {
            _ = try await RBDBackend().activate(fixture.definition(), in: fixture.context(key: key))
        }
        #expect(found == .authenticationFailed)
        let discovery = await code {
            _ = try await RBDBackend().discoverSources(fixture.definition().source, in: fixture.context(key: key))
        }
        #expect(discovery == .authenticationFailed)
    }

    @Test("what isn't there is not_found: a pool, a namespace")
    func tellsWhatIsMissing() async throws {
        for place in ["nope", "rbd/nope"] {
            let found = await code {
                _ = try await RBDBackend().activate(fixture.definition(of: place), in: fixture.context())
            }
            #expect(found == .notFound)
        }
    }

    @Test("a port where nobody listens is timed_out at the deadline")
    func givesUpAtTheDeadline() async throws {
        var definition = fixture.definition()
        // Nobody listens on the discard port of an address of its own.
        definition.source.hosts = [PoolSource.Host(name: "127.77.1.9", port: 9)]
        let unreachable = definition
        let found = await code {
            _ = try await RBDBackend().activate(unreachable, in: fixture.context(deadline: .seconds(2)))
        }
        #expect(found == .timedOut)
    }

    @Test("options come last, in order; one that librados refuses is named, its value isn't")
    func takesOptions() async throws {
        var definition = fixture.definition()
        definition.configOptions = [.init(name: "rbd_default_order", value: "20")]
        try await fixture.withPool(definition) { pool in
            _ = try await fixture.create("v", 8 << 20, in: pool)
        }
        let cluster = fixture.cluster
        let spec = fixture.spec("v")
        #expect(try await withThread { try cluster.rbd("info", spec) }.contains("order 20"))
        definition.configOptions = [.init(name: "no_such_option", value: "private")]
        let refused = definition
        do {
            _ = try await RBDBackend().activate(refused, in: fixture.context())
            Issue.record("an unknown option was taken")
        } catch {
            #expect(error.code == .invalidArgument)
            #expect(error.message.contains("no_such_option") && !error.message.contains("private"))
        }
    }

    @Test("an OSD that hangs makes a refresh end at its deadline")
    func survivesAHungStorage() async throws {
        let cluster = try await withThread { try CephCluster() }
        var source = PoolSource()
        source.name = "rbd"
        source.hosts = [PoolSource.Host(name: CephCluster.address, port: cluster.port)]
        source.authentication = .init(kind: .ceph, username: CephCluster.user, secret: .usage("ceph"))
        var definition = PoolDefinition(type: .rbd, name: "p", source: source)
        // The call that is left behind ends soon, too.
        definition.configOptions = [.init(name: "rados_osd_op_timeout", value: "5")]
        let pool = try await RBDBackend().activate(definition, in: fixture.context(key: cluster.key)).value
        _ = try await pool.refresh(in: fixture.context(key: cluster.key))
        cluster.pauseStorage()
        let found = await code {
            _ = try await pool.refresh(in: fixture.context(deadline: .seconds(1), key: cluster.key))
        }
        #expect(found == .timedOut)
        cluster.resumeStorage()
        _ = try await pool.refresh(in: fixture.context(key: cluster.key))
        _ = try await pool.deactivate(in: fixture.context())
    }
}
