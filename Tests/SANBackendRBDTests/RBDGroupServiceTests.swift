import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// Images that something else than clones and clients holds on to, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDGroupServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test("an image in a group is neither deleted nor moved to the trash, and keeps its snapshots; the group is named")
    func guardsGroups() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            _ = try await pool.createSnapshot("mine", of: volume, in: context)
            try await fixture.rbd("group", "create", fixture.spec("g"))
            try await fixture.rbd("group", "image", "add", fixture.spec("g"), fixture.spec("v"))
            for refusal in [
                await refusal { _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: context) },
                await refusal { _ = try await pool.moveToTrash(volume, keeping: .zero, in: context) },
            ] {
                #expect(refusal?.code == .busy)
                #expect(refusal?.message.contains("group '\(fixture.spec("g"))'") == true)
            }
            #expect(try await pool.snapshots(of: volume, in: context).map(\.name) == ["mine"])
            try await fixture.rbd("group", "image", "remove", fixture.spec("g"), fixture.spec("v"))
            _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: context)
            #expect(try await pool.refresh(in: context).volumes.isEmpty)
        }
    }

    @Test("an image with a part of a group's snapshot keeps its own snapshots, too")
    func guardsGroupSnapshots() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await fixture.rbd("group", "create", fixture.spec("g"))
            try await fixture.rbd("group", "image", "add", fixture.spec("g"), fixture.spec("v"))
            try await fixture.rbd("group", "snap", "create", fixture.spec("g") + "@all")
            try await fixture.rbd("group", "image", "remove", fixture.spec("g"), fixture.spec("v"))
            _ = try await pool.createSnapshot("mine", of: volume, in: context)
            let refused = await refusal {
                _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: context)
            }
            #expect(refused?.code == .busy)
            #expect(refused?.message.contains(fixture.spec("g") + "@all") == true)
            #expect(try await pool.snapshots(of: volume, in: context).map(\.name) == ["mine"])
        }
    }

    @Test("an image whose deleted snapshot waits for its last clone to go keeps its other snapshots")
    func guardsSnapshotsInTheTrash() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await fixture.rbd("snap", "create", fixture.spec("v") + "@s")
            try await fixture.rbd(
                "clone", "--rbd-default-clone-format=2", fixture.spec("v") + "@s", fixture.spec("clone"))
            try await fixture.rbd("snap", "remove", fixture.spec("v") + "@s")
            _ = try await pool.createSnapshot("mine", of: volume, in: context)
            let refused = await refusal {
                _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: context)
            }
            #expect(refused?.code == .busy && refused?.message.contains(fixture.spec("clone")) == true)
            #expect(try await pool.snapshots(of: volume, in: context).map(\.name) == ["mine"])
        }
    }

    private func refusal(_ body: () async throws -> Void) async -> StorageError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? StorageError
        }
    }
}
