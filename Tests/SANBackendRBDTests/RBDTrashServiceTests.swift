import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// The trash of a pool, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDTrashServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test("what is in the trash is no volume, is counted, and comes back whole")
    func movesAndRestores() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await Transfers.upload([1, 2, 3], to: volume, of: pool, fixture)
            _ = try await pool.createSnapshot("s", of: volume, in: context)
            let moved = try await pool.moveToTrash(volume, keeping: .seconds(3600), in: context)
            #expect(moved.id == volume.image?.id && moved.name == "v" && moved.source == "user")
            #expect(moved.capacity == ByteCount(4 << 20) && moved.snapshots == 1)
            let (deleted, kept) = (try #require(moved.deletedAt), try #require(moved.keptUntil))
            #expect(kept.seconds == deleted.seconds + 3600)
            let snapshot = try await pool.refresh(in: context)
            #expect(snapshot.volumes.isEmpty && snapshot.trashCount == 1)
            // Another image has the name meanwhile.
            _ = try await fixture.create("v", 1 << 20, in: pool)
            #expect(await code { _ = try await pool.restore(moved, as: "v", in: context) } == .alreadyExists)
            #expect(await code { _ = try await pool.restore(moved, as: "a@b", in: context) } == .invalidArgument)
            let back = try await pool.restore(moved, as: "w", in: context)
            #expect(back.image == volume.image && back.snapshots == 1)
            #expect(try await Transfers.download(back, of: pool, fixture).prefix(3) == [1, 2, 3])
            #expect(await code { _ = try await pool.restore(moved, as: "x", in: context) } == .notFound)
            #expect(try await pool.trash(in: context).isEmpty)
        }
    }

    @Test("what is kept is purged only when that is forced; what has snapshots isn't")
    func purges() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let kept = try await pool.moveToTrash(
                try await fixture.create("kept", 4 << 20, in: pool), keeping: .seconds(3600), in: context)
            let free = try await pool.moveToTrash(
                try await fixture.create("free", 4 << 20, in: pool), keeping: .zero, in: context)
            let used = try await fixture.create("used", 4 << 20, in: pool)
            _ = try await pool.createSnapshot("s", of: used, in: context)
            let snapped = try await pool.moveToTrash(used, keeping: .zero, in: context)
            #expect(await code { try await pool.purge(kept, isForced: false, in: context) } == .busy)
            #expect(await code { try await pool.purge(snapped, isForced: true, in: context) } == .busy)
            try await pool.purge(free, isForced: false, in: context)
            #expect(try await pool.trash(in: context).map(\.name) == ["kept", "used"])
            try await pool.purge(kept, isForced: true, in: context)
            #expect(try await pool.trash(in: context).map(\.name) == ["used"])
            #expect(await code { try await pool.purge(kept, isForced: true, in: context) } == .notFound)
        }
    }

    @Test("an image that somebody has open, or another one of its name, isn't moved (L12, L83)")
    func guardsImages() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await fixture.whileOpen("v") {
                #expect(await code { _ = try await pool.moveToTrash(volume, keeping: .zero, in: context) } == .busy)
            }
            _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: context)
            _ = try await fixture.create("v", 4 << 20, in: pool)
            #expect(await code { _ = try await pool.moveToTrash(volume, keeping: .zero, in: context) } == .invalidState)
        }
    }

    @Test("what may lack objects isn't restored, whatever a purge failed of, that one or a later one")
    func refusesWhatIsPurgedInPart() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await Transfers.upload([1, 2, 3], to: volume, of: pool, fixture)
            let trashed = try await pool.moveToTrash(volume, keeping: .zero, in: context)
            try await fixture.without("data") { limited in
                let error = await #expect(throws: StorageError.self) {
                    try await limited.purge(trashed, isForced: false, in: context)
                }
                #expect(error?.code == .permissionDenied)
                #expect(error?.causes.map(\.message) == ["The image 'v' may be deleted in part: purge it again"])
            }
            #expect(await code { _ = try await pool.restore(trashed, as: "v", in: context) } == .invalidState)
            try await pool.purge(trashed, isForced: false, in: context)
            // A purge that is refused before its first object lets an entry be as it was.
            let used = try await fixture.create("used", 4 << 20, in: pool)
            _ = try await pool.createSnapshot("s", of: used, in: context)
            let snapped = try await pool.moveToTrash(used, keeping: .zero, in: context)
            func purge() async -> StorageError? {
                await #expect(throws: StorageError.self) {
                    try await pool.purge(snapped, isForced: false, in: context)
                }
            }
            let refused = await purge()
            #expect(refused?.code == .busy && refused?.causes.isEmpty == true)
            let connection = try await pool.connections.connection(to: pool.source, in: context)
            try await withThread { try connection.refuseRestore(of: snapped) }
            #expect(await code { _ = try await pool.restore(snapped, as: "used", in: context) } == .invalidState)
            // Nor does a mark of one that was killed before it was refused lock anybody out.
            let again = await purge()
            #expect(again?.code == .busy && again?.causes.isEmpty == true)
            let back = try await pool.restore(snapped, as: "used", in: context)
            #expect(back.image == used.image && back.snapshots == 1)
        }
    }

    @Test("what a purge that nobody hears of any more has begun with isn't restored; a refused one leaves no note")
    func notesPurges() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let used = try await fixture.create("used", 4 << 20, in: pool)
            _ = try await pool.createSnapshot("s", of: used, in: context)
            let snapped = try await pool.moveToTrash(used, keeping: .zero, in: context)
            #expect(await code { try await pool.purge(snapped, isForced: false, in: context) } == .busy)
            let back = try await pool.restore(snapped, as: "used", in: context)
            #expect(back.definition.imageSettings?.metadata.isEmpty == true)
            let trashed = try await pool.moveToTrash(back, keeping: .zero, in: context)
            let connection = try await pool.connections.connection(to: pool.source, in: context)
            let note = PurgeNote(on: trashed.id)
            try await withThread { try connection.set(note, on: trashed) }
            let refused = await #expect(throws: StorageError.self) {
                _ = try await pool.restore(trashed, as: "used", in: context)
            }
            #expect(refused?.code == .invalidState && refused?.message.contains("may lack data") == true)
            // A later one, which is refused, takes back its own note and not that one, which may be at work.
            let busy = await #expect(throws: StorageError.self) {
                try await pool.purge(trashed, isForced: false, in: context)
            }
            #expect(busy?.code == .busy && busy?.causes.count == 1)
            #expect(try await withThread { try connection.isPurgeNoted(on: trashed) })
            // And locks nobody out: the image is whole, and librbd restores it.
            let (cluster, id, spec) = (fixture.cluster, trashed.id, fixture.spec("used"))
            let message = busy?.causes.first?.message
            try await fixture.follow(message)
            #expect(message?.contains("'rbd image-meta list \(spec)'") == true)
            #expect(message?.contains("'rbd image-meta remove \(spec) NOTE'") == true)
            let keys = try await withThread { try cluster.rbd("image-meta", "list", spec) }
            let key = try #require(keys.firstMatch(of: /sanctl\.purge\.[0-9a-f]+\.[0-9a-f]+/)).output
            #expect(key.hasPrefix("sanctl.purge.\(id)."))
            let again = try await pool.moveToTrash(back, keeping: .zero, in: context)
            #expect(await code { _ = try await pool.restore(again, as: "used", in: context) } == .invalidState)
            try await withThread { try connection.remove(note, from: trashed) }
            #expect(try await withThread { try !connection.isPurgeNoted(on: trashed) })
            // Nor where the header is gone: none is made.
            let gone = TrashedVolume(id: "abcdef", name: "gone")
            try await withThread { try connection.set(note, on: gone) }
            #expect(try await withThread { try !connection.isPurgeNoted(on: gone) })
            #expect(await code { try await pool.purge(gone, isForced: false, in: context) } == .notFound)
        }
    }

    @Test("a purge in a group's way leaves the image as it was, and an entry that is gone gets no note")
    func leavesImagesWhole() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await fixture.rbd("group", "create", fixture.spec("g"))
            try await fixture.rbd("group", "image", "add", fixture.spec("g"), fixture.spec("v"))
            try await fixture.rbd("trash", "move", fixture.spec("v"))
            let trashed = try #require(try await pool.trash(in: context).first)
            let connection = try await pool.connections.connection(to: pool.source, in: context)
            try await withThread { try connection.refuseRestore(of: trashed) }
            let refused = await #expect(throws: StorageError.self) {
                try await pool.purge(trashed, isForced: false, in: context)
            }
            #expect(refused?.code == .busy && refused?.causes.isEmpty == true)
            let back = try await pool.restore(trashed, as: "v", in: context)
            #expect(back.image == volume.image)
            #expect(await code { try await pool.purge(trashed, isForced: false, in: context) } == .notFound)
            #expect(try await withThread { try !connection.isPurgeNoted(on: trashed) })
        }
    }

    @Test("a clone of an image with a purge's note has the note's metadata, and isn't taken for purged")
    func tellsClonesApart() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let base = try await fixture.create("base", 4 << 20, in: pool)
            let connection = try await pool.connections.connection(to: pool.source, in: context)
            let noted = TrashedVolume(id: try #require(base.image?.id), name: "base")
            try await withThread { try connection.set(PurgeNote(on: noted.id), on: noted) }
            try await fixture.rbd("snap", "create", fixture.spec("base") + "@s")
            try await fixture.rbd(
                "clone", "--rbd-default-clone-format=2", fixture.spec("base") + "@s", fixture.spec("clone"))
            let clone = try await pool.inspect(Volume(VolumeDefinition(name: "clone")), in: context)
            #expect(clone.definition.imageSettings?.metadata.keys.contains { $0.hasPrefix("sanctl.purge.") } == true)
            let trashed = try await pool.moveToTrash(clone, keeping: .zero, in: context)
            #expect(try await pool.restore(trashed, as: "clone", in: context).image == clone.image)
        }
    }

    @Test("a move to the trash that was stopped before its last step is ended, one that has more to do isn't")
    func endsMoves() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            let trashed = try await pool.moveToTrash(volume, keeping: .zero, in: context)
            let connection = try await pool.connections.connection(to: pool.source, in: context)
            func set(_ state: TrashObject.State) async throws {
                let outcome = try await withThread {
                    connection.askTrash(TrashObject.stateCall(trashed.id, state, formerly: .normal)).result
                }
                #expect(outcome == 0)
            }
            try await set(.moving)
            let back = try await pool.restore(trashed, as: "v", in: context)
            #expect(back.image == volume.image)
            _ = try await pool.moveToTrash(back, keeping: .zero, in: context)
            try await set(.restoring)
            let restoring = await #expect(throws: StorageError.self) {
                try await pool.purge(trashed, isForced: false, in: context)
            }
            #expect(restoring?.code == .invalidState && restoring?.message.contains("A restore of") == true)
            let again = try await pool.restore(trashed, as: "v", in: context)
            _ = try await pool.moveToTrash(again, keeping: .zero, in: context)
            try await set(.moving)
            try await pool.purge(trashed, isForced: false, in: context)
            #expect(try await pool.trash(in: context).isEmpty)
            // Before the image loses its name; it was renamed since, and another one has that name.
            let listed = try await fixture.create("listed", 4 << 20, in: pool)
            let id = try #require(listed.image?.id)
            let entry = try await fixture.addEntry(id, named: "listed", .moving, in: pool)
            try await fixture.rbd("rename", fixture.spec("listed"), fixture.spec("renamed"))
            let other = try await fixture.create("listed", 4 << 20, in: pool)
            var message: String?
            for refused in [
                await #expect(
                    throws: StorageError.self, performing: { _ = try await pool.restore(entry, as: "w", in: context) }),
                await #expect(
                    throws: StorageError.self,
                    performing: { try await pool.purge(entry, isForced: true, in: context) }),
            ] {
                #expect(refused?.code == .invalidState)
                #expect(refused?.message.contains("'rbd trash move \(fixture.spec("renamed"))'") == true)
                message = refused?.message
            }
            try await fixture.follow(message)
            #expect(try await pool.refresh(in: context).volumes.map(\.image) == [other.image])
            #expect(try await pool.restore(entry, as: "back", in: context).image == listed.image)
        }
    }

    @Test("an image that a killed restore has brought back isn't purged, whatever another restore of it did")
    func sparesWhatIsListed() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let live = try await fixture.create("b", 4 << 20, in: pool)
            try await Transfers.upload([1, 2, 3], to: live, of: pool, fixture)
            _ = try await fixture.create("v", 4 << 20, in: pool)
            let id = try #require(live.image?.id)
            let trashed = try await fixture.addEntry(id, named: "v", .restoring, in: pool)
            func purge() async -> StorageError? {
                await #expect(throws: StorageError.self) {
                    try await pool.purge(trashed, isForced: true, in: context)
                }
            }
            let first = await purge()
            #expect(first?.code == .invalidState && first?.message.contains("is listed as 'b'") == true)
            #expect(await code { _ = try await pool.restore(trashed, as: "v", in: context) } == .alreadyExists)
            #expect(try await fixture.state(of: trashed, in: pool) == .normal)
            let second = await purge()
            #expect(second?.code == .invalidState && second?.message.contains("is listed as 'b'") == true)
            let connection = try await pool.connections.connection(to: pool.source, in: context)
            #expect(try await withThread { try !connection.isPurgeNoted(on: trashed) })
            try await fixture.follow(second?.message)
            #expect(try await pool.trash(in: context).isEmpty)
            let back = try #require(try await pool.refresh(in: context).volumes.first { $0.name == "b" })
            #expect(back.image == live.image)
            #expect(try await Transfers.download(back, of: pool, fixture).prefix(3) == [1, 2, 3])
        }
    }

    @Test("a deletion whose taking back was killed goes on, but not where the image has a name again")
    func deletesWhatWasTakenBack() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            let trashed = try await pool.moveToTrash(volume, keeping: .zero, in: context)
            let left = try await fixture.addEntry(trashed.id, named: "v", source: 3, .restoring, in: pool)
            #expect(try await pool.deleteVolume(volume, deletingSnapshots: false, in: context).isChanged)
            #expect(try await fixture.state(of: left, in: pool) == nil)
            let live = try await fixture.create("b", 4 << 20, in: pool)
            let id = try #require(live.image?.id)
            let listed = try await fixture.addEntry(id, named: "v", source: 3, .restoring, in: pool)
            let refused = await #expect(throws: StorageError.self) {
                try await pool.purge(listed, isForced: true, in: context)
            }
            #expect(refused?.code == .invalidState && refused?.message.contains("as 'b'") == true)
            await #expect(throws: (any Error).self) { try await fixture.follow(refused?.message) }
            try await pool.purge(listed, isForced: true, in: context)
            #expect(try await pool.refresh(in: context).volumes.isEmpty)
        }
    }

    @Test("what is left of an image is freed of its snapshots by the command that the refusal names")
    func namesWhatFrees() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            _ = try await pool.createSnapshot("s", of: volume, in: context)
            try await fixture.rbd("trash", "move", fixture.spec("v"))
            let id = try #require(volume.image?.id)
            let left = try await fixture.addEntry(id, named: "v", source: 3, .normal, in: pool)
            let refused = await #expect(throws: StorageError.self) {
                try await pool.purge(left, isForced: true, in: context)
            }
            #expect(refused?.code == .busy)
            try await fixture.follow(refused?.message)
            try await pool.purge(left, isForced: true, in: context)
            #expect(try await fixture.state(of: left, in: pool) == nil)
        }
    }

    @Test("where the pool moves what is removed to its trash, that is seen")
    func seesWhatIsKept() async throws {
        var definition = fixture.definition()
        definition.configOptions = [.init(name: "rbd_move_to_trash_on_remove", value: "true")]
        for (keeps, definition) in [(true, definition), (false, fixture.definition())] {
            try await fixture.withPool(definition) { pool in
                let volume = try await fixture.create("v", 4 << 20, in: pool)
                #expect(try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context()).isChanged)
                let connection = try await pool.connections.connection(to: pool.source, in: fixture.context())
                #expect(try await withThread { connection.isKept(volume) } == keeps)
                #expect(try await pool.trash(in: fixture.context()).count == 1)
            }
        }
    }
}
