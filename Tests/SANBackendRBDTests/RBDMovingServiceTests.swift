import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// Images that are being migrated or mirrored, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDMovingServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    /// What it ends with, of every change of an image that there is.
    private func refusals(_ volume: Volume, _ pool: RBDPool) async -> [String: StorageError?] {
        let context = fixture.context()
        func tried(_ body: () async throws -> Void) async -> StorageError? {
            do {
                try await body()
                return nil
            } catch {
                return error as? StorageError
            }
        }
        func resized(_ size: UInt64) async throws {
            let request = ResizeRequest(capacity: ByteCount(size), allowsShrink: true)
            _ = try await pool.resizeVolume(volume, to: request, in: context)
        }
        return [
            "upload": await tried { try await Transfers.upload([1], to: volume, of: pool, fixture) },
            "wipe": await tried { _ = try await pool.wipe(volume, .trim, in: context) },
            "cut": await tried { try await resized(1 << 20) }, "grow": await tried { try await resized(1 << 30) },
            "snapshot": await tried { _ = try await pool.createSnapshot("new", of: volume, in: context) },
            "rollback": await tried { _ = try await pool.rollBack(volume, to: "s", in: context) },
            "unsnap": await tried { _ = try await pool.deleteSnapshot("s", of: volume, in: context) },
            "trash": await tried { _ = try await pool.moveToTrash(volume, keeping: .zero, in: context) },
            "delete": await tried {
                _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: context)
            },
        ]
    }

    @Test("an image in migration is read, tells what it is, and isn't changed; nor is what it comes from")
    func guardsMigrations() async throws {
        let (cluster, from, to) = (fixture.cluster, fixture.spec("from"), fixture.spec("to"))
        try await fixture.withPool { pool in
            let (context, source) = (fixture.context(), try await fixture.create("from", 8 << 20, in: pool))
            try await Transfers.upload([1, 2, 3], to: source, of: pool, fixture)
            _ = try await pool.createSnapshot("s", of: source, in: context)
            _ = try await withThread { try cluster.rbd("migration", "prepare", from, to) }
            let volumes = try await pool.refresh(in: context).volumes
            let volume = try #require(volumes.first)
            #expect(volumes.map(\.name) == ["to"] && volume.definition.capacity == ByteCount(8 << 20))
            #expect(volume.problems.map(\.code) == [.invalidState] && !volume.isEncryptionUnknown)
            #expect(volume.problems.first?.message.contains("is being migrated") == true)
            #expect(try await pool.inspect(volume, in: context).problems.map(\.code) == [.invalidState])
            #expect(try await Transfers.download(volume, of: pool, fixture).prefix(3) == [1, 2, 3])
            for (verb, refusal) in await refusals(volume, pool) {
                #expect(refusal?.code == .invalidState, "\(verb)")
                #expect(refusal?.message.contains("is being migrated") == true, "\(verb)")
                #expect(refusal?.causes.isEmpty == true, "\(verb): nothing was begun")
            }
            let clone = await #expect(throws: StorageError.self) {
                _ = try await fixture.clone(volume, as: "clone", in: pool)
            }
            #expect(clone?.code == .invalidState && clone?.causes.isEmpty == true, "nothing was begun")
            let trashed = try #require(try await pool.trash(in: context).first)
            #expect(trashed.source == "migration" && trashed.id == source.image?.id)
            let purge = await #expect(throws: StorageError.self) {
                try await pool.purge(trashed, isForced: true, in: context)
            }
            let restore = await #expect(throws: StorageError.self) {
                _ = try await pool.restore(trashed, as: "back", in: context)
            }
            for refusal in [purge, restore] {
                #expect(refusal?.code == .invalidState && refusal?.causes.isEmpty == true)
                #expect(refusal?.message.contains("kept there by a migration") == true)
            }
            _ = try await withThread {
                try cluster.rbd("migration", "execute", to)
                try cluster.rbd("migration", "commit", to)
            }
            let whole = try #require(try await pool.refresh(in: context).volumes.first)
            #expect(whole.image == volume.image && whole.problems.isEmpty && whole.snapshots == 1)
            #expect(try await pool.deleteVolume(whole, deletingSnapshots: true, in: context).isChanged)
        }
    }

    @Test("in a pool that is mirrored as a whole the remedy of a refused deletion is one that works there")
    func tellsHowMirroringEnds() async throws {
        let (cluster, place) = (fixture.cluster, "whole-\(fixture.namespace)")
        try await withThread {
            try cluster.ceph("osd", "pool", "create", place, "1")
            try cluster.ceph("osd", "pool", "application", "enable", place, "rbd")
            try cluster.rbd("mirror", "pool", "enable", place, "image")
            try cluster.rbd("create", "--size=8M", "\(place)/snapshots")
            try cluster.rbd("mirror", "image", "enable", "\(place)/snapshots", "snapshot")
            try cluster.rbd("mirror", "pool", "enable", place, "pool")
            try cluster.rbd("create", "--size=8M", "--image-feature=exclusive-lock,journaling", "\(place)/journal")
        }
        try await fixture.withPool(fixture.definition(of: place)) { pool in
            let context = fixture.context()
            for volume in try await pool.refresh(in: context).volumes {
                let path = "\(place)/\(volume.name)"
                let remedies =
                    volume.name == "journal"
                    ? [["feature", "disable", path, "journaling"]]
                    : [["mirror", "pool", "enable", place, "image"], ["mirror", "image", "disable", path]]
                for refused in [
                    await #expect(
                        throws: StorageError.self,
                        performing: { _ = try await pool.moveToTrash(volume, keeping: .zero, in: context) }),
                    await #expect(
                        throws: StorageError.self,
                        performing: {
                            _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: context)
                        }),
                ] {
                    #expect(refused?.code == .invalidState)
                    for remedy in remedies {
                        #expect(refused?.message.contains("'rbd \(remedy.joined(separator: " "))'") == true)
                    }
                }
                try await withThread {
                    for remedy in remedies {
                        switch remedy.count {
                        case 3: try cluster.rbd(remedy[0], remedy[1], remedy[2])
                        case 4: try cluster.rbd(remedy[0], remedy[1], remedy[2], remedy[3])
                        default: try cluster.rbd(remedy[0], remedy[1], remedy[2], remedy[3], remedy[4])
                        }
                    }
                }
                #expect(try await pool.deleteVolume(volume, deletingSnapshots: true, in: context).isChanged)
            }
        }
    }

    @Test(
        "a mirrored image is changed where it is the primary, nowhere else, and isn't deleted with its copies",
        arguments: ["journal", "snapshot"])
    func guardsMirrors(_ mode: String) async throws {
        let (cluster, place) = (fixture.cluster, "mirror-\(fixture.namespace)")
        try await withThread {
            try cluster.ceph("osd", "pool", "create", place, "1")
            try cluster.ceph("osd", "pool", "application", "enable", place, "rbd")
            try cluster.rbd("mirror", "pool", "enable", place, "image")
            for name in ["primary", "copy"] {
                try cluster.rbd("create", "--size=8M", "\(place)/\(name)")
                try cluster.rbd("snap", "create", "\(place)/\(name)@s")
                if mode == "journal" { try cluster.rbd("feature", "enable", "\(place)/\(name)", "journaling") }
                try cluster.rbd("mirror", "image", "enable", "\(place)/\(name)", mode)
            }
            try cluster.rbd("mirror", "image", "demote", "\(place)/copy")
        }
        try await fixture.withPool(fixture.definition(of: place)) { pool in
            let volumes = try await pool.refresh(in: fixture.context()).volumes
            #expect(volumes.map(\.name).sorted() == ["copy", "primary"])
            for volume in volumes {
                #expect(volume.problems.isEmpty && volume.definition.capacity == ByteCount(8 << 20))
            }
            let copy = try #require(volumes.first { $0.name == "copy" })
            for (verb, refusal) in await refusals(copy, pool) {
                #expect(refusal?.code == .invalidState, "\(verb)")
                #expect(refusal?.message.contains("is mirrored from another cluster") == true, "\(verb)")
                #expect(refusal?.causes.isEmpty == true, "\(verb): nothing was begun")
            }
            #expect(try await Transfers.download(copy, of: pool, fixture).count == 8 << 20)
            let primary = try #require(volumes.first { $0.name == "primary" })
            for (verb, refusal) in await refusals(primary, pool) {
                let isGone = ["trash", "delete"].contains(verb)
                #expect(refusal?.code == (isGone ? .invalidState : nil), "\(verb)")
                let remedy = "'rbd mirror image disable \(place)/primary'"
                #expect(!isGone || refusal?.message.contains(remedy) == true, "\(verb)")
            }
            _ = try await withThread { try cluster.rbd("mirror", "image", "disable", "\(place)/primary") }
            #expect(try await pool.deleteVolume(primary, deletingSnapshots: true, in: fixture.context()).isChanged)
        }
    }
}
