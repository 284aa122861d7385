import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// Ceph pools that take nothing more: what makes room works in them, and what needs room says so at once.
@Suite(.timeLimit(.minutes(5))) struct RBDFullPoolServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    private func make(_ pools: String...) async throws {
        let cluster = fixture.cluster
        try await withThread {
            try cluster.startManager()
            for pool in pools {
                try cluster.ceph("osd", "pool", "create", pool, "1")
                try cluster.ceph("osd", "pool", "application", "enable", pool, "rbd")
            }
        }
    }

    /// Waits until the cluster refuses the pool new objects.
    private func fill(_ pool: String) async throws {
        let cluster = fixture.cluster
        try await withThread {
            try cluster.ceph("osd", "pool", "set-quota", pool, "max_objects", "1")
            func isFull() throws -> Bool {
                let pools = try cluster.ceph("osd", "pool", "ls", "detail").split(separator: "\n")
                return pools.contains { $0.contains("'\(pool)'") && $0.contains("full_quota") }
            }
            while try !isFull() {}
            // Until the OSD knows of it.
            while (try? cluster.rados("--rados-osd-op-timeout=1", "-p", pool, "create", "probe")) != nil {}
        }
    }

    private func refusal(_ body: () async throws -> Void) async -> StorageError? {
        await #expect(throws: StorageError.self) { try await body() }
    }

    @Test("a pool at its quota lets images go, whose trash has no object yet; what needs room names the pool")
    func letsGo() async throws {
        let place = "full-\(fixture.namespace)"
        try await make(place)
        try await fixture.withPool(fixture.definition(of: place)) { pool in
            let context = fixture.context()
            var volumes: [Volume] = []
            for name in ["deleted", "trashed", "kept"] {
                let volume = try await fixture.create(name, 16 << 20, in: pool)
                if name != "kept" {
                    try await Transfers.upload(Array(repeating: 1, count: 16 << 20), to: volume, of: pool, fixture)
                }
                volumes.append(volume)
            }
            try await fill(place)
            for refused in [
                await refusal { _ = try await fixture.create("new", 1 << 20, in: pool) },
                await refusal { try await Transfers.upload([1, 2, 3], to: volumes[2], of: pool, fixture) },
            ] {
                #expect(refused?.code == .backendFailure)
                #expect(refused?.message.contains("no room in the Ceph pool '\(place)', at its quota") == true)
            }
            let smaller = ResizeRequest(capacity: ByteCount(1 << 20), allowsShrink: true)
            #expect(try await pool.resizeVolume(volumes[0], to: smaller, in: context).isChanged)
            #expect(try await pool.deleteVolume(volumes[0], deletingSnapshots: false, in: context).isChanged)
            #expect(try await pool.refresh(in: context).volumes.map(\.name).sorted() == ["kept", "trashed"])
            let trashed = try await pool.moveToTrash(volumes[1], keeping: .zero, in: context)
            let refused = await refusal { _ = try await pool.restore(trashed, as: "back", in: context) }
            #expect(refused?.code == .backendFailure && refused?.causes.isEmpty == true)
            #expect(refused?.message.contains("'\(place)', at its quota") == true)
            try await pool.purge(trashed, isForced: false, in: context)
            #expect(try await pool.trash(in: context).isEmpty)
            #expect(try await pool.refresh(in: context).volumes.map(\.name) == ["kept"])
        }
    }

    @Test("an image that a killed restore has brought back stays marked when another name for it is refused room")
    func leavesRestoresMarked() async throws {
        let place = "full-\(fixture.namespace)"
        try await make(place)
        try await fixture.withPool(fixture.definition(of: place)) { pool in
            let context = fixture.context()
            let live = try await fixture.create("b", 4 << 20, in: pool)
            let id = try #require(live.image?.id)
            let trashed = try await fixture.addEntry(id, named: "v", .restoring, in: pool)
            try await fill(place)
            let refused = await refusal { _ = try await pool.restore(trashed, as: "v", in: context) }
            #expect(refused?.message.contains("at its quota") == true && refused?.causes.isEmpty == true)
            #expect(try await fixture.state(of: trashed, in: pool) == .restoring)
            let kept = await refusal { try await pool.purge(trashed, isForced: true, in: context) }
            #expect(kept?.code == .invalidState && kept?.message.contains("is listed as 'b'") == true)
            #expect(try await pool.refresh(in: context).volumes.map(\.image) == [live.image])
        }
    }

    @Test("the first image that is moved to the trash of a pool at its quota gets there")
    func movesToTrash() async throws {
        let place = "full-\(fixture.namespace)"
        try await make(place)
        try await fixture.withPool(fixture.definition(of: place)) { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 16 << 20, in: pool)
            try await fill(place)
            let trashed = try await pool.moveToTrash(volume, keeping: .zero, in: context)
            #expect(trashed.id == volume.image?.id)
            try await pool.purge(trashed, isForced: false, in: context)
            #expect(try await pool.refresh(in: context).trashCount == 0)
        }
    }

    @Test("an image whose data is in a pool at its quota is cut and deleted; a write names both pools")
    func letsDataGo() async throws {
        let (place, data) = ("meta-\(fixture.namespace)", "data-\(fixture.namespace)")
        try await make(place, data)
        try await fixture.withPool(fixture.definition(of: place)) { pool in
            let context = fixture.context()
            var definition = VolumeDefinition(name: "v", capacity: ByteCount(32 << 20))
            var settings = ImageSettings()
            settings.dataPool = data
            definition.imageSettings = settings
            let volume = try await pool.createVolume(VolumeRequest(definition), in: context).value
            try await Transfers.upload(Array(repeating: 1, count: 16 << 20), to: volume, of: pool, fixture)
            try await fill(data)
            let all = [UInt8](repeating: 1, count: 32 << 20)
            let refused = await refusal { try await Transfers.upload(all, to: volume, of: pool, fixture) }
            #expect(refused?.code == .backendFailure)
            #expect(
                refused?.message.contains("'\(place)', or '\(data)' with the image's data, at its quota") == true)
            let smaller = ResizeRequest(capacity: ByteCount(1 << 20), allowsShrink: true)
            let cut = try await pool.resizeVolume(volume, to: smaller, in: context).value
            #expect(try await pool.deleteVolume(cut, deletingSnapshots: false, in: context).isChanged)
            #expect(try await pool.refresh(in: context).volumes.isEmpty)
        }
    }

    @Test("who lacks a right to a pool is told which user that is, and which pools the image needs")
    func tellsOfRights() async throws {
        let (cluster, place, data) = (fixture.cluster, "own-\(fixture.namespace)", "other-\(fixture.namespace)")
        try await make(place, data)
        let user = "half-\(fixture.namespace)"
        let key = try await withThread {
            try cluster.ceph(
                "auth", "get-or-create", "client.\(user)", "mon", "profile rbd", "osd", "profile rbd pool=\(place)")
            return try cluster.ceph("auth", "print-key", "client.\(user)")
        }
        try await fixture.withPool(fixture.definition(of: place, user: user), key: key) { pool in
            var definition = VolumeDefinition(name: "v", capacity: ByteCount(1 << 20))
            var settings = ImageSettings()
            settings.dataPool = data
            definition.imageSettings = settings
            let refused = await refusal {
                _ = try await pool.createVolume(VolumeRequest(definition), in: fixture.context(key: key))
            }
            #expect(refused?.code == .permissionDenied)
            #expect(
                refused?.message.contains(
                    "give the Ceph user 'client.\(user)' its rights to the Ceph pool '\(place)', or '\(data)' with the image's data (and to those of what a clone stands on): 'ceph auth get client.\(user)' shows them"
                ) == true)
        }
    }
}
