import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// Making, growing and deleting images, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDProvisioningServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    @Test func makesGrowsShrinksAndDeletes() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 10 << 20, in: pool)
            #expect(await code { _ = try await fixture.create("v", 1 << 20, in: pool) } == .alreadyExists)
            for size: UInt64 in [20 << 20, 5 << 20] {
                let change = try await pool.resizeVolume(
                    volume, to: ResizeRequest(capacity: ByteCount(size), allowsShrink: true), in: fixture.context())
                #expect(change.isChanged && change.value.definition.capacity == ByteCount(size))
            }
            for late in [
                ResizeRequest(capacity: ByteCount(4 << 20)),
                ResizeRequest(capacity: ByteCount(4 << 20), expected: ByteCount(10 << 20), allowsShrink: true),
            ] {
                #expect(
                    await code { _ = try await pool.resizeVolume(volume, to: late, in: fixture.context()) }
                        == .invalidState)
            }
            let same = ResizeRequest(capacity: ByteCount(5 << 20))
            #expect(try await !pool.resizeVolume(volume, to: same, in: fixture.context()).isChanged)
            let ahead = ResizeRequest(capacity: ByteCount(30 << 20), allocates: true)
            #expect(
                await code { _ = try await pool.resizeVolume(volume, to: ahead, in: fixture.context()) }
                    == .unsupported)
            #expect(try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context()).isChanged)
            #expect(try await !pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context()).isChanged)
            #expect(try await pool.refresh(in: fixture.context()).volumes.isEmpty)
        }
    }

    @Test("what an image can't be is refused before anything is made")
    func refusesRequests() async throws {
        try await fixture.withPool { pool in
            func refusal(_ change: (inout VolumeDefinition) -> Void) async -> StorageError.Code? {
                var definition = VolumeDefinition(name: "v", capacity: ByteCount(1 << 20))
                change(&definition)
                let request = VolumeRequest(definition)
                return await code { _ = try await pool.createVolume(request, in: fixture.context()) }
            }
            #expect(await refusal { $0.target.format = .qcow2 } == .unsupported)
            #expect(await refusal { $0.capacity = 0 } == .invalidArgument)
            #expect(await refusal { $0.capacity = ByteCount(.max) } == .invalidArgument)
            #expect(await refusal { $0.name = "a@b" } == .invalidArgument)
            let made = try await pool.refresh(in: fixture.context()).volumes
            #expect(made.isEmpty)
        }
    }

    @Test("an image with snapshots or clones is deleted only when that was asked for, and nothing stands on it")
    func guardsSnapshotsAndClones() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("base", 8 << 20, in: pool)
            try await fixture.rbd("snap", "create", fixture.spec("base") + "@s")
            try await fixture.rbd("snap", "protect", fixture.spec("base") + "@s")
            try await fixture.rbd("clone", fixture.spec("base") + "@s", fixture.spec("copy"))
            do {
                _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: fixture.context())
                Issue.record("an image with a clone was deleted")
            } catch {
                let error = try #require(error as? StorageError)
                #expect(error.code == .busy && error.message.contains(fixture.spec("copy")))
            }
            try await fixture.rbd("rm", fixture.spec("copy"))
            #expect(
                await code { _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context()) }
                    == .busy)
            #expect(try await pool.inspect(volume, in: fixture.context()).snapshots == 1)
            _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: fixture.context())
            #expect(try await pool.refresh(in: fixture.context()).volumes.isEmpty)
        }
    }

    @Test("an image that somebody has open is neither deleted, cut nor written (L83)")
    func guardsUsedImages() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 8 << 20, in: pool)
            try await fixture.whileOpen("v") {
                func refused(_ body: () async throws -> Void) async { #expect(await code(body) == .busy) }
                let smaller = ResizeRequest(capacity: ByteCount(1 << 20), allowsShrink: true)
                await refused {
                    _ = try await pool.deleteVolume(volume, deletingSnapshots: true, in: fixture.context())
                }
                await refused { _ = try await pool.resizeVolume(volume, to: smaller, in: fixture.context()) }
                await refused { _ = try await pool.wipe(volume, .zero, in: fixture.context()) }
                await refused { try await Transfers.upload([1, 2, 3], to: volume, of: pool, fixture) }
                let forced = ResizeRequest(capacity: ByteCount(7 << 20), allowsShrink: true, isForced: true)
                #expect(try await pool.resizeVolume(volume, to: forced, in: fixture.context()).isChanged)
                // A guest's disk may grow, and be read.
                let larger = ResizeRequest(capacity: ByteCount(9 << 20))
                _ = try await pool.resizeVolume(volume, to: larger, in: fixture.context())
                let bytes = try await Transfers.download(volume, of: pool, fixture)
                #expect(bytes.count == 9 << 20)
            }
            _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context())
        }
    }

    @Test("of two who claim an image at once one gets it at most (L83)", arguments: [true, false])
    func claimsOnce(_ hasLock: Bool) async throws {
        let features = hasLock ? "exclusive-lock" : "layering"
        try await fixture.rbd("create", "--size=8M", "--image-feature=" + features, fixture.spec("v"))
        try await fixture.withPool { pool in
            let volume = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
            try await withConnections(2) { connections in
                for _ in 0..<10 {
                    let claimed = await withTaskGroup(of: OpenImage?.self) { group in
                        for connection in connections {
                            // Another client's claim is an answer too.
                            group.addTask { try? await withThread { try OpenImage.claim(volume, connection) } }
                        }
                        // Kept open until both have tried.
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(claimed.compactMap { $0 }.count <= 1)
                    try await withThread { withExtendedLifetime(claimed) {} }
                }
            }
        }
    }

    @Test("who opens an image that is being written can't write it (L83)")
    func keepsOthersFromWriting() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 8 << 20, in: pool)
            try await withConnections(2) { connections in
                try await withThread {
                    let claimed = try OpenImage.claim(volume, connections[0])
                    let other = ImageAccess(try OpenImage(volume, readOnly: false, connections[1]))
                    let chunk = TransferChunk(offset: 0, length: 512, buffer: TransferBuffer(count: 512))
                    #expect(throws: StorageError.self) { try other.perform(.write(chunk)) }
                    other.close()
                    withExtendedLifetime(claimed) {}
                }
            }
        }
    }

    @Test("another image of the same name is left alone (L12)")
    func guardsIdentity() async throws {
        try await fixture.withPool { pool in
            let old = try await fixture.create("v", 4 << 20, in: pool)
            _ = try await pool.deleteVolume(old, deletingSnapshots: false, in: fixture.context())
            let new = try await fixture.create("v", 4 << 20, in: pool)
            #expect(old.image != new.image)
            func refused(_ body: () async throws -> Void) async { #expect(await code(body) == .invalidState) }
            let larger = ResizeRequest(capacity: ByteCount(9 << 20))
            await refused { _ = try await pool.deleteVolume(old, deletingSnapshots: true, in: fixture.context()) }
            await refused { _ = try await pool.resizeVolume(old, to: larger, in: fixture.context()) }
            await refused { _ = try await pool.wipe(old, .zero, in: fixture.context()) }
            await refused { try await Transfers.upload([1, 2, 3], to: old, of: pool, fixture) }
            await refused { _ = try await Transfers.download(old, of: pool, fixture) }
        }
    }

    /// Connections of several clients, beside the pool's own.
    private func withConnections(_ count: Int, _ body: ([ClusterConnection]) async throws -> Void) async throws {
        let source = try RBDSource(fixture.definition())
        let all = (0..<count).map { _ in ClusterConnections() }
        func result() async -> Result<Void, any Error> {
            do {
                var opened: [ClusterConnection] = []
                for connections in all {
                    opened.append(try await connections.connection(to: source, in: fixture.context()))
                }
                return .success(try await body(opened))
            } catch {
                return .failure(error)
            }
        }
        let outcome = await result()
        for connections in all { _ = await connections.forget(source)?.value() }
        try outcome.get()
    }

    @Test("a deletion that fails says what is left of the image, and is ended by the same command, once")
    func saysWhatADeletionLeaves() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await Transfers.upload([1, 2, 3], to: volume, of: pool, fixture)
            try await fixture.without("data") { limited in
                let error = await #expect(throws: StorageError.self) {
                    _ = try await limited.deleteVolume(volume, deletingSnapshots: false, in: context)
                }
                #expect(error?.code == .permissionDenied)
                #expect(error?.causes.map(\.message).joined().contains("has begun, and can't be taken back") == true)
            }
            #expect(try await pool.refresh(in: context).volumes.first?.problems.map(\.code) == [.invalidState])
            let connection = try await pool.connections.connection(to: pool.source, in: context)
            let begun = try #require(try await withThread { try connection.begunDeletion(of: volume) })
            #expect(try await pool.deleteVolume(volume, deletingSnapshots: false, in: context).isChanged)
            #expect(try await withThread { try !connection.finish(begun, LongCall("the test")) })
            #expect(try await !pool.deleteVolume(volume, deletingSnapshots: false, in: context).isChanged)
        }
    }

    @Test("a deletion that is refused before its first object leaves nothing, and says nothing else")
    func leavesWhatIsRefused() async throws {
        try await fixture.withPool { pool in
            let context = fixture.context()
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            try await fixture.without("trash") { limited in
                let error = await #expect(throws: StorageError.self) {
                    _ = try await limited.deleteVolume(volume, deletingSnapshots: false, in: context)
                }
                #expect(error?.code == .permissionDenied && error?.causes.isEmpty == true)
                #expect(try await pool.inspect(volume, in: context).problems.isEmpty)
                _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: context)
                // What is gone is gone for those, too, who can't look for it in the trash.
                #expect(await code { _ = try await limited.inspect(volume, in: context) } == .notFound)
            }
        }
    }

    @Test("what was done and can't be looked at is told as done; another image of its name isn't taken for it (L12)")
    func tellsWhatWasDone() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            let silent = fixture.context(patience: .zero)
            let error = await #expect(throws: StorageError.self) {
                _ = try await pool.inspect(volume, after: "resized", in: silent)
            }
            #expect(error?.code == .timedOut)
            #expect(error?.causes.map(\.message) == ["'v' was resized before that: refresh the pool"])
            _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context())
            _ = try await fixture.create("v", 4 << 20, in: pool)
            let other = await #expect(throws: StorageError.self) {
                _ = try await pool.inspect(volume, after: "resized", in: fixture.context())
            }
            #expect(other?.code == .invalidState && other?.causes.count == 1)
        }
    }
}
