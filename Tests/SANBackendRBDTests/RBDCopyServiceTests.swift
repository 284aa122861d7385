import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// Clones and copies of images, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDCopyServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test("a clone stands on a snapshot of its origin, which is made once for what didn't change")
    func clones() async throws {
        try await fixture.withPool { pool in
            let base = try await fixture.create("base", 8 << 20, in: pool)
            try await Transfers.upload(Array(repeating: 7, count: 1 << 20), to: base, of: pool, fixture)
            let first = try await fixture.clone(base, as: "a", in: pool)
            #expect(first.parent == "rbd/\(fixture.namespace)/base" && first.definition.capacity == ByteCount(8 << 20))
            _ = try await fixture.clone(base, as: "b", in: pool)
            #expect(try await pool.inspect(base, in: fixture.context()).snapshots == 1)
            #expect(try await Transfers.download(first, of: pool, fixture).prefix(1 << 20).allSatisfy { $0 == 7 })
            // Another clone is of what the image holds then.
            try await Transfers.upload([9], to: base, of: pool, fixture)
            let third = try await fixture.clone(base, as: "c", in: pool)
            #expect(try await pool.inspect(base, in: fixture.context()).snapshots == 2)
            #expect(try await Transfers.download(third, of: pool, fixture).first == 9)
            #expect(try await Transfers.download(first, of: pool, fixture).first == 7)
            #expect(await code { _ = try await fixture.clone(base, as: "a", in: pool) } == .alreadyExists)
            #expect(
                try await pool.refresh(in: fixture.context()).volumes.map(\.name).sorted() == ["a", "b", "base", "c"])
        }
    }

    @Test("a clone of a snapshot holds what that holds, in another namespace too")
    func clonesSnapshots() async throws {
        let other = try await RBDFixture()
        try await fixture.withPool { pool in
            let base = try await fixture.create("base", 4 << 20, in: pool)
            try await Transfers.upload([1, 2, 3], to: base, of: pool, fixture)
            try await fixture.rbd("snap", "create", fixture.spec("base") + "@s")
            try await Transfers.upload([4, 5, 6], to: base, of: pool, fixture)
            let near = try await fixture.clone(base, "s", as: "near", in: pool)
            #expect(try await Transfers.download(near, of: pool, fixture).prefix(3) == [1, 2, 3])
            try await other.withPool { otherPool in
                let far = try await other.clone(base, "s", of: pool, as: "far", in: otherPool)
                #expect(far.definition.capacity == ByteCount(4 << 20))
                #expect(far.parent?.hasPrefix("rbd/\(fixture.namespace)") == true)
                let bytes = try await Transfers.download(far, of: otherPool, other)
                #expect(bytes.count == 4 << 20 && bytes.prefix(3) == [1, 2, 3])
            }
            #expect(
                await code { _ = try await fixture.clone(base, "none", as: "x", in: pool) } == .notFound)
            let names = try await pool.refresh(in: fixture.context()).volumes.map(\.name).sorted()
            #expect(names == ["base", "near"])
        }
    }

    @Test("a clone in another Ceph pool is one as any other, and is named where its parent would be deleted")
    func clonesIntoOtherPools() async throws {
        let (cluster, place) = (fixture.cluster, "o" + fixture.namespace)
        try await withThread {
            try cluster.ceph("osd", "pool", "create", place, "8")
            try cluster.ceph("osd", "pool", "application", "enable", place, "rbd")
        }
        try await fixture.withPool(fixture.definition(of: "rbd")) { pool in
            let context = fixture.context()
            let name = "base-" + fixture.namespace
            let base = try await fixture.create(name, 4 << 20, in: pool)
            try await Transfers.upload([1, 2, 3], to: base, of: pool, fixture)
            try await fixture.withPool(fixture.definition(of: place)) { other in
                let far = try await fixture.clone(base, of: pool, as: "far", in: other)
                #expect(far.image?.pool != base.image?.pool && far.parent == base.path)
                #expect(try await other.refresh(in: context).volumes.map(\.parent) == [base.path])
                #expect(try await Transfers.download(far, of: other, fixture).prefix(4) == [1, 2, 3, 0])
                // And back, so that each stands on the other pool.
                let back = try await fixture.clone(far, of: other, as: "back-" + fixture.namespace, in: pool)
                #expect(back.parent == far.path && back.definition.capacity == far.definition.capacity)
                do {
                    _ = try await pool.deleteVolume(base, deletingSnapshots: true, in: context)
                    Issue.record("an image with a clone was deleted")
                } catch {
                    let error = try #require(error as? StorageError)
                    #expect(error.code == .busy && error.message.contains("\(place)/far"))
                }
                #expect(try await other.flatten(far, in: context).value.parent == nil)
                _ = try await pool.deleteVolume(base, deletingSnapshots: false, in: context)
                #expect(try await Transfers.download(back, of: pool, fixture).prefix(3) == [1, 2, 3])
                _ = try await pool.deleteVolume(back, deletingSnapshots: false, in: context)
                _ = try await other.deleteVolume(far, deletingSnapshots: false, in: context)
            }
        }
    }

    @Test("a clone that can't be made leaves neither snapshot nor image behind")
    func leavesNothing() async throws {
        try await fixture.withPool { pool in
            // Without layering nothing can stand on it.
            try await fixture.rbd("create", "--size=4", "--image-feature=exclusive-lock", fixture.spec("base"))
            let base = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
            #expect(await code { _ = try await fixture.clone(base, as: "x", in: pool) } == .unsupported)
            let after = try await pool.refresh(in: fixture.context()).volumes
            #expect(after.map(\.name) == ["base"] && after.first?.snapshots == 0)
        }
    }

    @Test("a copy has all bytes, stands on nothing, and may be larger")
    func copies() async throws {
        try await fixture.withPool { pool in
            let base = try await fixture.create("base", 20 << 20, in: pool)
            let bytes = (0..<9 << 20).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 9) }
            try await Transfers.upload(bytes, to: base, of: pool, fixture)
            let progress = RecordedProgress()
            var definition = VolumeDefinition(name: "copy", capacity: ByteCount(24 << 20))
            let change = try await pool.createVolume(
                VolumeRequest(definition, origin: .init(volume: base, pool: pool)),
                in: fixture.context(progress: progress))
            let copy = change.value
            #expect(copy.parent == nil && copy.definition.capacity == ByteCount(24 << 20))
            #expect(
                try await Transfers.download(copy, of: pool, fixture) == bytes + Array(repeating: 0, count: 15 << 20))
            #expect(progress.last == ByteCount(20 << 20))
            // What is zero takes no space.
            #expect(try #require(copy.definition.allocation) <= ByteCount(12 << 20))
            definition.name = "base"
            let taken = VolumeRequest(definition, origin: .init(volume: copy, pool: pool))
            #expect(await code { _ = try await pool.createVolume(taken, in: fixture.context()) } == .alreadyExists)
            let names = try await pool.refresh(in: fixture.context()).volumes.map(\.name).sorted()
            #expect(names == ["base", "copy"])
        }
    }

    @Test("another image of the origin's name is neither copied nor cloned (L12)")
    func guardsIdentity() async throws {
        try await fixture.withPool { pool in
            let old = try await fixture.create("base", 4 << 20, in: pool)
            _ = try await pool.deleteVolume(old, deletingSnapshots: false, in: fixture.context())
            _ = try await fixture.create("base", 4 << 20, in: pool)
            let request = VolumeRequest(
                VolumeDefinition(name: "copy", capacity: ByteCount(4 << 20)), origin: .init(volume: old, pool: pool))
            #expect(await code { _ = try await pool.createVolume(request, in: fixture.context()) } == .invalidState)
            #expect(await code { _ = try await fixture.clone(old, as: "clone", in: pool) } == .invalidState)
            let left = try await pool.refresh(in: fixture.context()).volumes
            #expect(left.map(\.name) == ["base"] && left.first?.snapshots == 0)
        }
    }

    @Test("a copy that is cancelled leaves no half image behind")
    func cancelsCopies() async throws {
        try await fixture.withPool { pool in
            let base = try await fixture.create("base", 64 << 20, in: pool)
            let progress = RecordedProgress()
            let gate = FirstResult<Void>()
            let task = Task {
                try await gate.value().get()
                let request = VolumeRequest(
                    VolumeDefinition(name: "copy", capacity: ByteCount(64 << 20)),
                    origin: .init(volume: base, pool: pool))
                return await code { _ = try await pool.createVolume(request, in: fixture.context(progress: progress)) }
            }
            progress.onReport { task.cancel() }
            gate.finish(.success(()))
            #expect(try await task.value == .cancelled)
            #expect(try await pool.refresh(in: fixture.context()).volumes.map(\.name) == ["base"])
        }
    }
}

extension RBDFixture {
    /// - Parameter origin: the volume's pool, if not this one.
    func clone(
        _ volume: Volume, _ snapshot: String? = nil, of origin: RBDPool? = nil, as name: String, in pool: RBDPool
    ) async throws -> Volume {
        let request = CloneRequest(
            name: name, origin: .init(volume: volume, pool: origin ?? pool), snapshot: snapshot)
        return try await pool.cloneVolume(request, in: context()).value
    }
}
