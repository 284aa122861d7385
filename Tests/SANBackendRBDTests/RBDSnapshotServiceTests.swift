import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// Snapshots and flattening, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDSnapshotServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test func makesListsProtectsAndDeletes() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            #expect(try await pool.snapshots(of: volume, in: context).isEmpty)
            let first = try await pool.createSnapshot("one", of: volume, in: context)
            _ = try await pool.resizeVolume(volume, to: ResizeRequest(capacity: ByteCount(8 << 20)), in: context)
            _ = try await pool.createSnapshot("two", of: volume, in: context)
            #expect(await code { _ = try await pool.createSnapshot("two", of: volume, in: context) } == .alreadyExists)
            for name in ["", "a@b", "a/b", "a\u{1b}b"] {
                #expect(
                    await code { _ = try await pool.createSnapshot(name, of: volume, in: context) }
                        == .invalidArgument)
            }
            let all = try await pool.snapshots(of: volume, in: context)
            #expect(all.map(\.name) == ["one", "two"] && all.map(\.capacity.bytes) == [4 << 20, 8 << 20])
            #expect(all.first == first && first.createdAt != nil && first.clones.isEmpty)
            func protect(_ on: Bool, _ name: String = "one") async throws -> Bool {
                try await pool.setProtection(on, ofSnapshot: name, of: volume, in: context).isChanged
            }
            #expect(try await protect(true))
            #expect(try await !protect(true))
            #expect(await code { _ = try await pool.deleteSnapshot("one", of: volume, in: context) } == .invalidState)
            #expect(try await protect(false))
            #expect(try await !protect(false))
            #expect(await code { _ = try await protect(true, "three") } == .notFound)
            #expect(try await pool.deleteSnapshot("one", of: volume, in: context) == first)
            #expect(await code { _ = try await pool.deleteSnapshot("one", of: volume, in: context) } == .notFound)
            #expect(try await pool.inspect(volume, in: context).snapshots == 1)
        }
    }

    @Test("a rollback gives an image back what it held; not while somebody has it open")
    func rollsBack() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await Transfers.upload([1, 2, 3], to: volume, of: pool, fixture)
            _ = try await pool.createSnapshot("s", of: volume, in: context)
            try await Transfers.upload([4, 5, 6], to: volume, of: pool, fixture)
            _ = try await pool.resizeVolume(volume, to: ResizeRequest(capacity: ByteCount(8 << 20)), in: context)
            #expect(await code { _ = try await pool.rollBack(volume, to: "none", in: context) } == .notFound)
            try await fixture.whileOpen("v") {
                #expect(await code { _ = try await pool.rollBack(volume, to: "s", in: context) } == .busy)
            }
            let progress = RecordedProgress()
            let back = try await pool.rollBack(volume, to: "s", in: fixture.context(progress: progress))
            #expect(back.definition.capacity == ByteCount(4 << 20) && progress.last != nil)
            #expect(try await Transfers.download(back, of: pool, fixture).prefix(3) == [1, 2, 3])
        }
    }

    @Test(
        "a snapshot with clones is neither deleted nor unprotected; they are named, in other namespaces and in the trash too"
    )
    func guardsClones() async throws {
        let other = try await RBDFixture()
        try await fixture.withPool { pool in
            let context = fixture.context()
            let base = try await fixture.create("base", 4 << 20, in: pool)
            _ = try await pool.createSnapshot("s", of: base, in: context)
            _ = try await fixture.clone(base, "s", as: "near", in: pool)
            // Made by the first format, as long as the cluster admits old clients.
            #expect(try await pool.snapshots(of: base, in: context).map(\.isProtected) == [true])
            try await other.withPool { _ = try await other.clone(base, "s", of: pool, as: "far", in: $0) }
            try await fixture.rbd("trash", "move", other.spec("far"))
            let clones = try await pool.snapshots(of: base, in: context).flatMap(\.clones).sorted()
            #expect(clones == [fixture.spec("near"), other.spec("far") + " (in the trash)"].sorted())
            func refusal(_ body: () async throws -> Void) async -> String {
                do {
                    try await body()
                    return ""
                } catch {
                    let error = error as? StorageError
                    return error?.code == .busy ? error?.message ?? "" : ""
                }
            }
            for message in [
                await refusal { _ = try await pool.deleteSnapshot("s", of: base, in: context) },
                await refusal { _ = try await pool.setProtection(false, ofSnapshot: "s", of: base, in: context) },
                await refusal { _ = try await pool.deleteVolume(base, deletingSnapshots: true, in: context) },
            ] {
                #expect(message.contains(fixture.spec("near")) && message.contains(other.spec("far")))
            }
            let kept = try await pool.snapshots(of: base, in: context)
            #expect(kept.map(\.isProtected) == [true], "nothing may be half done")
        }
    }

    @Test(
        "an image's deletion takes its snapshots along, protected ones too; what was made for clones isn't asked about")
    func deletesWithSnapshots() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            _ = try await pool.createSnapshot("a", of: volume, in: context)
            _ = try await pool.createSnapshot("b", of: volume, in: context)
            _ = try await pool.setProtection(true, ofSnapshot: "b", of: volume, in: context)
            #expect(
                await code { _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: context) } == .busy)
            #expect(try await pool.snapshots(of: volume, in: context).count == 2)
            _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: context)
            let base = try await fixture.create("base", 4 << 20, in: pool)
            let clone = try await fixture.clone(base, as: "clone", in: pool)
            _ = try await pool.deleteVolume(clone, deletingSnapshots: false, in: context)
            _ = try await pool.deleteVolume(base, deletingSnapshots: false, in: context)
            #expect(try await pool.refresh(in: context).volumes.isEmpty)
        }
    }

    @Test("a flattened clone stands on nothing; one whose flattening was cancelled still stands on its parent")
    func flattens() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let base = try await fixture.create("base", 256 << 20, in: pool)
            try await Transfers.upload([1, 2, 3], to: base, of: pool, fixture)
            #expect(try await !pool.flatten(base, in: context).isChanged)
            let clone = try await fixture.clone(base, as: "clone", in: pool)
            let progress = RecordedProgress()
            let gate = FirstResult<Void>()
            let task = Task {
                try await gate.value().get()
                return await code { _ = try await pool.flatten(clone, in: fixture.context(progress: progress)) }
            }
            progress.onReport { task.cancel() }
            gate.finish(.success(()))
            #expect(try await task.value == .cancelled)
            #expect(try await pool.inspect(clone, in: context).parent != nil)
            let flat = try await pool.flatten(clone, in: context)
            #expect(flat.isChanged && flat.value.parent == nil)
            #expect(try await Transfers.download(flat.value, of: pool, fixture).prefix(3) == [1, 2, 3])
        }
    }

    @Test("another image of a clone's name isn't flattened (L12)")
    func flattensNoOther() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let base = try await fixture.create("base", 4 << 20, in: pool)
            let old = try await fixture.clone(base, as: "clone", in: pool)
            _ = try await pool.deleteVolume(old, deletingSnapshots: false, in: context)
            let new = try await fixture.clone(base, as: "clone", in: pool)
            #expect(await code { _ = try await pool.flatten(old, in: context) } == .invalidState)
            #expect(try await pool.inspect(new, in: context).parent == base.path)
        }
    }
}
