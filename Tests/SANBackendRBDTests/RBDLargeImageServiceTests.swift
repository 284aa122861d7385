import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendRBD

/// Work that takes as long as an image is large, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDLargeImageServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    /// Without an object map each of its objects is asked for.
    private func make(_ name: String, _ size: String, in pool: RBDPool) async throws -> Volume {
        try await fixture.rbd("create", "--size=" + size, "--image-feature=exclusive-lock", fixture.spec(name))
        return try #require(
            try await pool.refresh(in: fixture.context()).volumes.first { $0.name == name })
    }

    @Test("the deletion and the cut of a large image go on past the deadline, as long as objects go")
    func outlastsTheDeadline() async throws {
        try await fixture.withPool { pool in
            let volume = try await make("v", "8G", in: pool)
            let (cutting, deleting) = (RecordedProgress(), RecordedProgress())
            let smaller = ResizeRequest(capacity: ByteCount(1 << 30), allowsShrink: true)
            let cut = try await pool.resizeVolume(
                volume, to: smaller, in: fixture.context(deadline: .zero, progress: cutting)
            ).value
            #expect(cut.definition.capacity == smaller.capacity && cutting.last != nil)
            #expect(try #require(cutting.last) <= ByteCount(7 << 30))
            #expect(try #require(cutting.first) < ByteCount(512 << 20), "what stays isn't worked through")
            _ = try await pool.deleteVolume(
                cut, deletingSnapshots: false, in: fixture.context(deadline: .zero, progress: deleting))
            #expect(deleting.last != nil)
            #expect(try await pool.refresh(in: fixture.context()).volumes.isEmpty)
        }
    }

    @Test(
        "a deletion that is cancelled leaves an image that is deleted by the same command, refreshed or not",
        arguments: [false, true])
    func cancelsDeletions(_ refreshes: Bool) async throws {
        try await fixture.withPool { pool in
            let volume = try await make("v", "8G", in: pool)
            let error = try await whenCancelled { context in
                _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: context)
            }
            #expect(error?.code == .cancelled && error?.message.contains("deleted in part") == true)
            let left = try await pool.refresh(in: fixture.context()).volumes
            #expect(left.map(\.name) == ["v"])
            #expect(await code { _ = try await pool.inspect(volume, in: fixture.context()) } == .invalidState)
            #expect(left.first?.problems.map(\.code) == [.invalidState] && left.first?.isEncryptionUnknown == true)
            let again = refreshes ? try #require(left.first) : volume
            #expect(try await pool.deleteVolume(again, deletingSnapshots: false, in: fixture.context()).isChanged)
            #expect(try await pool.refresh(in: fixture.context()).volumes.isEmpty)
        }
    }

    @Test("a purge that is cancelled is ended by the same command, and what it leaves isn't restored")
    func cancelsPurges() async throws {
        try await fixture.withPool { pool in
            let volume = try await make("v", "8G", in: pool)
            let trashed = try await pool.moveToTrash(volume, keeping: .zero, in: fixture.context())
            let error = try await whenCancelled { context in
                try await pool.purge(trashed, isForced: false, in: context)
            }
            #expect(error?.code == .cancelled && error?.message.contains("deleted in part") == true)
            #expect(error?.causes.isEmpty == true)
            let refused = await code { _ = try await pool.restore(trashed, as: "v", in: fixture.context()) }
            #expect(refused == .invalidState)
            #expect(try await pool.trash(in: fixture.context()).map(\.id) == [trashed.id])
            try await pool.purge(trashed, isForced: false, in: fixture.context())
            #expect(try await pool.trash(in: fixture.context()).isEmpty)
        }
    }

    @Test("what is left of an image is deleted, and not another one that has its name by now (L12)")
    func endsADeletionByID() async throws {
        try await fixture.withPool { pool in
            let volume = try await make("v", "8G", in: pool)
            _ = try await whenCancelled { context in
                _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: context)
            }
            let new = try await fixture.create("v", 4 << 20, in: pool)
            _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context())
            #expect(try await pool.refresh(in: fixture.context()).volumes.map(\.image) == [new.image])
        }
    }

    @Test("who deletes a name again, where it is another image's by now, deletes what is left and not that image (L12)")
    func tellsLeftoversApart() async throws {
        try await fixture.withPool { pool in
            let volume = try await make("v", "8G", in: pool)
            _ = try await whenCancelled { context in
                _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: context)
            }
            let new = try await fixture.create("v", 4 << 20, in: pool)
            let listed = try await pool.refresh(in: fixture.context()).volumes
            let left = try #require(listed.first { $0.image == volume.image })
            #expect(left.name == "sanctl-deleted-\(volume.image?.id ?? "")" && left.isEncryptionUnknown)
            #expect(left.problems.map(\.code) == [.invalidState])
            let same = try #require(listed.first { $0.name == "v" })
            #expect(listed.count == 2 && same.image == new.image && same.problems.isEmpty)
            let deletion = { (volume: Volume) in
                _ = try await pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context())
            }
            #expect(await code { try await deletion(same) } == .invalidState)
            #expect(await code { _ = try await pool.inspect(left, in: fixture.context()) } == .invalidState)
            try await deletion(left)
            #expect(try await pool.refresh(in: fixture.context()).volumes.map(\.image) == [new.image])
            try await deletion(same)
            #expect(try await pool.refresh(in: fixture.context()).volumes.isEmpty)
        }
    }

    @Test("a cut that is cancelled says what may be lost, and is ended by the same command")
    func cancelsCuts() async throws {
        try await fixture.withPool { pool in
            let volume = try await make("v", "8G", in: pool)
            let smaller = ResizeRequest(capacity: ByteCount(1 << 30), allowsShrink: true)
            let error = try await whenCancelled { context in
                _ = try await pool.resizeVolume(volume, to: smaller, in: context)
            }
            #expect(error?.code == .cancelled && error?.causes.first?.message.contains("1073741824") == true)
            #expect(try await pool.inspect(volume, in: fixture.context()).definition.capacity == ByteCount(8 << 30))
            let cut = try await pool.resizeVolume(volume, to: smaller, in: fixture.context())
            #expect(cut.isChanged && cut.value.definition.capacity == smaller.capacity)
        }
    }

    @Test("a rollback that cuts an image tells how far that is; one that is cancelled is ended by the same command")
    func cancelsRollbacks() async throws {
        try await fixture.withPool { pool in
            let volume = try await make("v", "4M", in: pool)
            _ = try await pool.createSnapshot("s", of: volume, in: fixture.context())
            let grown = try await pool.resizeVolume(
                volume, to: ResizeRequest(capacity: ByteCount(8 << 30)), in: fixture.context()
            ).value
            let error = try await whenCancelled { context in _ = try await pool.rollBack(grown, to: "s", in: context) }
            #expect(error?.code == .cancelled && error?.causes.first?.message.contains("rolled back in part") == true)
            #expect(try await pool.inspect(grown, in: fixture.context()).definition.capacity == ByteCount(8 << 30))
            let progress = RecordedProgress()
            let back = try await pool.rollBack(grown, to: "s", in: fixture.context(progress: progress))
            #expect(back.definition.capacity == ByteCount(4 << 20))
            #expect(try #require(progress.first) < ByteCount(1 << 30))
            #expect(try #require(progress.last) > ByteCount(7 << 30))
        }
    }

    @Test(
        "what another client carries out can't be stopped: who is cancelled hears where it goes on, and doesn't wait for it (L83)"
    )
    func saysWhereItGoesOn() async throws {
        try await fixture.withPool { pool in
            _ = try await fixture.create("v", 4 << 20, in: pool)
            let connection = try await pool.connections.connection(to: pool.source, in: fixture.context())
            func owner() async throws -> String? {
                try await withThread { try OpenImage("v", readOnly: false, connection).lockOwner() }
            }
            #expect(try await owner() == nil)
            try await fixture.whileOpen("v", isLocked: true) {
                let owner = try #require(try await owner())
                #expect(owner.hasPrefix(CephCluster.address + ":"))
                let end = Event()
                let error = try await whenCancelled { context in
                    try await pool.withLongCall(in: context, over: 2, waitingFor: "the flattening of 'v'") {
                        _, call throws(StorageError) in
                        try call.proceed(at: owner, leaving: StorageError(.invalidState, "Half done"))
                        _ = call.withArgument { unsafe LongCall.callback(1, 2, $0) }
                        end.wait()
                    }
                }
                end.signal()
                #expect(error?.code == .cancelled)
                #expect(error?.message.contains("client at \(owner), ") == true)
                #expect(error?.message.hasSuffix("goes on with the flattening of 'v'") == true)
                #expect(error?.causes.map(\.message) == ["Half done"])
            }
        }
    }

    @Test("who is cancelled doesn't wait for a client that came to carry it out in the middle (L83)")
    func noticesWhoCarriesItOn() async throws {
        try await fixture.withPool { pool in
            let end = Event()
            let error = try await whenCancelled { context in
                try await pool.withLongCall(in: context, over: 8, waitingFor: "the flattening of 'v'") {
                    _, call throws(StorageError) in
                    try call.proceed()
                    // What that client tells comes here, and what is answered goes nowhere.
                    var refusals = 0
                    while refusals < LongCall.refusalsOfOthers {
                        if call.withArgument({ unsafe LongCall.callback(1, 8, $0) }) < 0 { refusals += 1 }
                    }
                    end.wait()
                }
            }
            end.signal()
            #expect(error?.code == .cancelled)
            #expect(error?.message.hasSuffix("by now, goes on with the flattening of 'v'") == true)
        }
    }

    @Test("a time-out says what may be left")
    func saysWhatATimeOutLeaves() async throws {
        try await fixture.withPool { pool in
            let end = Event()
            let ended = try await pool.connections.connection(to: pool.source, in: fixture.context()).ended
            let error = await #expect(throws: StorageError.self) {
                try await pool.withLongCall(
                    in: fixture.context(patience: .seconds(2)), over: 2, waitingFor: "the deletion of 'v'"
                ) { _, call throws(StorageError) in
                    try call.proceed(leaving: StorageError(.invalidState, "Half done"))
                    end.wait()
                }
            }
            end.signal()
            // The call had the last hold of it.
            _ = await ended.value()
            #expect(error?.code == .timedOut && error?.causes.map(\.message) == ["Half done"])
        }
    }

    @Test("a deletion that ends after the image's snapshots are gone says so")
    func saysWhichSnapshotsAreGone() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            for name in ["a", "b"] { _ = try await pool.createSnapshot(name, of: volume, in: fixture.context()) }
            let error = try await fixture.onImage("v") { image throws(StorageError) in
                let call = LongCall("the test")
                try image.deleteSnapshots(try image.snapshots(), call)
                call.stop()
                do throws(StorageError) {
                    try call.proceed(leaving: StorageError(.invalidState, "Never begun"))
                    return StorageError(.backendFailure, "Went on")
                } catch {
                    return call.ended(error)
                }
            }
            #expect(error.code == .cancelled)
            #expect(error.causes.map(\.message) == ["The image 'v' has lost its snapshots a, b"])
        }
    }

    @Test("a rollback and a purge that are cancelled before they begin change nothing")
    func beginsNothing() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            _ = try await pool.createSnapshot("s", of: volume, in: fixture.context())
            let trashed = try await pool.moveToTrash(
                try await fixture.create("w", 4 << 20, in: pool), keeping: .zero, in: fixture.context())
            func cancelled(_ body: @escaping @Sendable () async throws -> Void) async throws -> StorageError? {
                let gate = FirstResult<Void>()
                let task = Task { () -> StorageError? in
                    do {
                        _ = await gate.value()
                        try await body()
                        return nil
                    } catch {
                        return error as? StorageError
                    }
                }
                task.cancel()
                gate.finish(.success(()))
                return await task.value
            }
            for error in [
                try await cancelled { _ = try await pool.rollBack(volume, to: "s", in: fixture.context()) },
                try await cancelled { try await pool.purge(trashed, isForced: false, in: fixture.context()) },
            ] {
                #expect(error?.code == .cancelled && error?.message.hasPrefix("Stopped before") == true)
                #expect(error?.causes.isEmpty == true)
            }
            #expect(try await pool.restore(trashed, as: "w", in: fixture.context()).name == "w")
        }
    }

    @Test("what was done before anybody was cancelled is told as done")
    func tellsWhatWasDone() async throws {
        try await fixture.withPool { pool in
            let volume = try await fixture.create("v", 4 << 20, in: pool)
            let error = try await whenCancelled { context in
                let cut = ResizeRequest(capacity: ByteCount(3 << 20), allowsShrink: true)
                _ = try await pool.resizeVolume(volume, to: cut, in: context)
            }
            #expect(error == nil)
        }
    }

    /// Cancels an operation when it first tells how far it is.
    private func whenCancelled(
        _ body: @escaping @Sendable (OperationContext) async throws -> Void
    ) async throws -> StorageError? {
        let progress = RecordedProgress()
        let context = fixture.context(progress: progress)
        let gate = FirstResult<Void>()
        let task = Task { () -> StorageError? in
            do {
                try await gate.value().get()
                try await body(context)
                return nil
            } catch {
                return error as? StorageError
            }
        }
        progress.onReport { task.cancel() }
        gate.finish(.success(()))
        return await task.value
    }
}
