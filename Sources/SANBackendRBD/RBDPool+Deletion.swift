import CCeph
public import SANEngine
public import SANModel
import SystemPackage

extension RBDPool {
    /// Deletes an image that nobody has open and that has no clones; its snapshots only where that is asked for.
    ///
    /// It may take as long as it likes while objects go. An image that was deleted half is deleted to the end; one that is gone already is no
    /// error.
    ///
    /// - Throws: `busy` with the clients that have it open, its group, its clones, or its snapshots; `invalid_state` for another image of that
    ///   name, where another one that had it is deleted in part, and for one that is migrated or mirrored; `cancelled`, after which it is there in part; `permission_denied`, `timed_out`, `backend_failure`.
    public func deleteVolume(
        _ volume: Volume, deletingSnapshots: Bool, in context: OperationContext
    ) async throws(StorageError) -> Change<Void> {
        let (shown, logger) = (volume.name.printable, context.logger)
        return try await withLongCall(
            in: context, over: volume.definition.capacity?.bytes ?? 0,
            waitingFor: "the deletion of the image '\(shown)'"
        ) { connection, call throws(StorageError) in
            let isWhole: Bool
            do throws(StorageError) {
                _ = try OpenImage(volume, readOnly: true, connection)
                try connection.refuseLeftover(of: volume)
                isWhole = true
            } catch {
                guard error.code == .notFound || error.code == .invalidState else { throw error }
                if let begun = try connection.begunDeletion(of: volume) {
                    return try connection.finish(begun, call) ? .changed(()) : .unchanged(())
                }
                // Gone, or without its header: what is left of it is removed by name.
                guard error.code == .notFound else { throw error }
                isWhole = false
            }
            if isWhole { try Self.clear(volume, deletingSnapshots: deletingSnapshots, connection, call) }
            guard try connection.remove(volume, call) else { return .unchanged(()) }
            // Whatever the question below comes to.
            call.left = []
            if connection.isKept(volume) {
                logger.warning(
                    "The cluster keeps '\(shown)' in its trash, with its data (rbd_move_to_trash_on_remove): see 'sanctl volume trash list'"
                )
            }
            return .changed(())
        }
    }

    /// Makes sure that nothing stands on an image, and deletes its snapshots.
    private static func clear(
        _ volume: Volume, deletingSnapshots: Bool, _ connection: ClusterConnection, _ call: LongCall
    ) throws(StorageError) {
        let shown = volume.name.printable
        let snapshots = try {
            () throws(StorageError) in
            let image = try OpenImage(volume, readOnly: true, connection)
            try image.refuseGoing()
            try image.refuseUsed()
            try image.refuseGrouped()
            try image.refuseGroupSnapshots()
            try image.refuseCloned()
            return try image.snapshots()
        }()
        guard !snapshots.isEmpty else { return }
        // What was made for clones, and has none any more, nobody asked for.
        guard deletingSnapshots || snapshots.allSatisfy({ ImageNaming.isForClones($0.name) }) else {
            throw StorageError(
                .busy,
                "The image '\(shown)' has snapshots: \(snapshots.map(\.name.printable).shortList); give --delete-snapshots",
                subject: .volume(shown))
        }
        try OpenImage.claim(volume, connection).deleteSnapshots(snapshots, call)
    }
}

extension ClusterConnection {
    /// Ends the deletion of an image that was begun.
    ///
    /// - Returns: false where somebody else has ended it by now.
    func finish(_ begun: TrashedVolume, _ call: LongCall) throws(StorageError) -> Bool {
        do throws(StorageError) {
            try purge(begun, isForced: true, call)
            return true
        } catch  where error.code == .notFound {
            return false
        }
    }

    /// Removes an image without snapshots, or what is left of one, as long as its name is still that of the image that was listed.
    ///
    /// - Returns: false where there is none.
    func remove(_ volume: Volume, _ call: LongCall) throws(StorageError) -> Bool {
        let (name, shown) = (volume.name, volume.name.printable)
        // Looked at last of all: librbd removes by name, and another client may have made that name anew while the snapshots went.
        let ids = try imageIDs(of: name)
        guard ids.allSatisfy({ $0 == volume.image?.id }) else { throw OpenImage.isAnother(volume) }
        // One of format 1 has none.
        if ids.isEmpty, volume.image?.id.isEmpty == false { return false }
        try call.proceed(
            leaving: StorageError(
                .invalidState, "The image '\(shown)' may be deleted in part: delete it again", subject: .volume(shown)))
        func removal() -> Int32 {
            unsafe call.withArgument { argument in
                unsafe CephLibrary.functions.rbd_remove_with_progress(ioContext, name, LongCall.callback, argument)
            }
        }
        var result = removal()
        if CephFailure(result).errno == .noSuchFileOrDirectory {
            guard try isThere(volume) else { return false }
            try makeTrash()
            result = removal()
        }
        guard result < 0 else { return true }
        let failure = CephFailure(result)
        if failure.errno == .noSuchFileOrDirectory, try !isThere(volume) { return false }
        let error = removalFailure(failure, of: shown)
        do throws(StorageError) {
            try noteBegun(volume, failure, call)
        } catch let question {
            throw error.adding(cause: question)
        }
        throw error
    }

    /// Whether an image still has its name, and no other one has it.
    func isThere(_ volume: Volume) throws(StorageError) -> Bool {
        let ids = try imageIDs(of: volume.name)
        return !ids.isEmpty && ids.allSatisfy { $0 == volume.image?.id }
    }

    /// Whether an image that was just removed is in the trash, as the option `rbd_move_to_trash_on_remove` of the pool has it.
    func isKept(_ volume: Volume) -> Bool {
        do throws(StorageError) {
            return try trashed(volume) != nil
        } catch {
            // It is removed all the same.
            return false
        }
    }

    /// Has the call leave what a removal that failed has left.
    ///
    /// librbd moves the image to the trash, then removes its objects, and moves it back where it can't, after few errors only (16.2).
    private func noteBegun(_ volume: Volume, _ failure: CephFailure, _ call: LongCall) throws(StorageError) {
        let shown = volume.name.printable
        guard failure.errno != .canceled else { return call.leavesNothing() }
        let isBegun = try begunDeletion(of: volume) != nil
        // It was moved back without what is gone, or is of format 1, which is removed where it is.
        if !isBegun, call.hasBegun { return }
        call.leavesNothing()
        guard isBegun else { return }
        call.left.append(
            StorageError(
                .invalidState,
                "The deletion of the image '\(shown)' has begun, and can't be taken back: delete it again",
                subject: .volume(shown)))
    }

    private func removalFailure(_ failure: CephFailure, of shown: String) -> StorageError {
        func refused(_ code: StorageError.Code, _ message: String) -> StorageError {
            StorageError(code, message, subject: .volume(shown))
        }
        switch failure.errno {
        case .canceled:
            return refused(
                .cancelled, "The image '\(shown)' is deleted in part, which can't be taken back: delete it again")
        case .resourceBusy:
            return refused(.busy, "The image '\(shown)' has been opened by somebody: shut that down first")
        case .directoryNotEmpty:
            return refused(.busy, "The image '\(shown)' has snapshots by now: give --delete-snapshots")
        case .tooManyLinks:
            return refused(
                .busy, "The image '\(shown)' belongs to a group: take it out first, with 'rbd group image remove'")
        case .noSuchFileOrDirectory:
            return refused(.backendFailure, "The cluster finds no image '\(shown)' to delete, and still has its name")
        default: return failure.error(cannot: "delete the image '\(shown)'", in: source).about(.volume, shown)
        }
    }
}
