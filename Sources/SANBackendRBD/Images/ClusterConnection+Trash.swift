import CCeph
import SANModel
import SystemPackage

// The pool's trash. All of it blocks.
extension ClusterConnection {
    func trash() throws(StorageError) -> [TrashedVolume] {
        let functions = unsafe CephLibrary.functions
        var room = 64
        while true {
            var list = unsafe [rbd_trash_image_info_t](repeating: rbd_trash_image_info_t(), count: room)
            var count = room
            let result = unsafe functions.rbd_trash_list(ioContext, &list, &count)
            if CephFailure(result).errno == .outOfRange, count > room, count < 1 << 24 {
                room = count + count / 8
                continue
            }
            guard result >= 0 else {
                throw CephFailure(result).error(cannot: "list the trash of '\(source.place)'", in: source)
            }
            count = min(max(count, 0), room)
            defer { unsafe functions.rbd_trash_list_cleanup(&list, count) }
            return unsafe list[..<count].map { unsafe TrashedVolume($0) }
        }
    }

    /// What is left of an image whose deletion was begun and hasn't ended; nil where there is no such thing.
    ///
    /// librbd keeps it in the trash, by its id, and lists it among the images and not in the trash.
    func begunDeletion(of volume: Volume) throws(StorageError) -> TrashedVolume? {
        try trashed(volume).flatMap { $0.isLeftover ? $0 : nil }
    }

    /// The entry of the trash that an image is, of whatever source.
    func trashed(_ volume: Volume) throws(StorageError) -> TrashedVolume? {
        guard let id = volume.image?.id, !id.isEmpty else { return nil }
        let functions = unsafe CephLibrary.functions
        var entry = unsafe rbd_trash_image_info_t()
        let result = unsafe functions.rbd_trash_get(ioContext, id, &entry)
        // Old clusters have no trash; and who may not read it hasn't begun any deletion, and can't end one.
        let none: [Errno] = [.noSuchFileOrDirectory, .notSupported, .notPermitted, .permissionDenied]
        if none.contains(CephFailure(result).errno) { return nil }
        try check(result, volume.name, cannot: "look for the image '\(volume.name.printable)' in the trash")
        defer { unsafe functions.rbd_trash_get_cleanup(&entry) }
        return unsafe TrashedVolume(entry)
    }

    /// What an image that can't be found is, where it is listed.
    func whyMissing(_ volume: Volume, _ error: StorageError) throws(StorageError) -> StorageError {
        guard error.code == .notFound, try begunDeletion(of: volume) != nil else { return error }
        return StorageError(
            .invalidState, "The image '\(volume.name.printable)' is deleted in part: delete it again",
            subject: .volume(volume.name.printable))
    }

    /// Nil where it can't be read: no list fails for it.
    func trashCount() throws(StorageError) -> Int? {
        do throws(StorageError) {
            return try trash().count
        } catch  where error.code != .timedOut && error.code != .unavailable {
            return nil
        }
    }

    /// - Parameter seconds: how long it is kept.
    func moveToTrash(_ volume: Volume, keeping seconds: UInt64) throws(StorageError) {
        let name = volume.name
        func move() -> Int32 { unsafe CephLibrary.functions.rbd_trash_move(ioContext, name, seconds) }
        var result = move()
        if CephFailure(result).errno == .noSuchFileOrDirectory, try isThere(volume) {
            try makeTrash()
            result = move()
        }
        try check(result, name, cannot: "move the image '\(name.printable)' to the trash")
    }

    func restore(_ trashed: TrashedVolume, as name: String) throws(StorageError) {
        try refuseMigrated(trashed)
        _ = try settledState(of: trashed)
        let shown = trashed.name.printable
        if try isPurgeNoted(on: trashed) {
            throw StorageError(
                .invalidState,
                "A purge of the image '\(shown)' in the trash was begun, and it may lack data: purge it, or look at it after 'rbd trash restore \(source.options(for: trashed.id))'",
                subject: .volume(shown))
        }
        let result = unsafe CephLibrary.functions.rbd_trash_restore(ioContext, trashed.id, name)
        if CephFailure(result).errno == .fileExists { throw exists(name) }
        if CephFailure(result).errno == .resourceBusy {
            throw StorageError(
                .invalidState,
                "The image '\(shown)' in the trash is being deleted, or deleted in part: purge it",
                subject: .volume(shown))
        }
        do throws(StorageError) {
            try check(result, trashed.name, cannot: "restore the image '\(shown)'")
        } catch {
            guard [.noSpace, .diskQuotaExceeded].contains(CephFailure(result).errno) else { throw error }
            do throws(StorageError) {
                try takeBackRestore(of: trashed, as: name)
            } catch let undo {
                throw error.adding(cause: undo)
            }
            throw error
        }
    }

    /// Deletes what is in the trash.
    ///
    /// librbd calls an entry whole again when its removal fails, however far that came, and even where it was marked before
    /// (`trash::RemoveRequest::handle_remove_image`): what lacks objects is marked again, and noted before, see ``PurgeNote``.
    ///
    /// - Throws: `busy` for one that is still kept, is open, or has snapshots; `invalid_state` for one that a migration needs.
    func purge(_ trashed: TrashedVolume, isForced: Bool, _ call: LongCall) throws(StorageError) {
        let shown = trashed.name.printable
        try refuseMigrated(trashed)
        // What librbd refuses, too (EPERM); it is known before anything is noted.
        if !isForced, let kept = trashed.keptUntil, kept > .now {
            throw StorageError(
                .busy, "The image '\(shown)' is kept in the trash until later: give --force to delete it now",
                subject: .volume(shown))
        }
        // Before a note is set, which an image that is in use by now would keep.
        let state = try stateToPurge(of: trashed)
        let wasNoted = try isPurgeNoted(on: trashed)
        let wasBegun = state == .removing || wasNoted
        try call.proceed(
            leaving: StorageError(
                .invalidState, "The image '\(shown)' may be deleted in part: \(trashed.again)", subject: .volume(shown)
            ))
        let note = PurgeNote(on: trashed.id)
        do throws(StorageError) {
            try set(note, on: trashed)
        } catch {
            call.leavesNothing()
            // It may be set all the same, and an OSD keeps to the order of what one client asks it.
            guard error.code == .timedOut else { throw error }
            do throws(StorageError) {
                try remove(note, from: trashed)
            } catch let removal {
                throw error.adding(cause: removal)
            }
            throw error
        }
        let result = unsafe call.withArgument { argument in
            unsafe CephLibrary.functions.rbd_trash_remove_with_progress(
                ioContext, trashed.id, isForced, LongCall.callback, argument)
        }
        guard result < 0 else { return }
        let errno = CephFailure(result).errno
        // Both are looked for before the first object goes; and no program of Ceph's gives an image in the trash a snapshot, so that whatever had
        // begun there before had none to find, and left none (`PreRemoveRequest::check_image_snaps` and `check_group` of 16.2).
        let isUnbegun =
            [.directoryNotEmpty, .tooManyLinks].contains(errno) && !call.hasBegun && !trashed.isLeftover
        let isBegun = !isUnbegun && (wasBegun || call.hasBegun)
        if !isBegun || errno == .canceled { call.leavesNothing() }
        var error = purgeFailure(result, of: trashed)
        if isUnbegun, wasNoted { error = error.adding(cause: PurgeNote.remains(on: trashed, in: source)) }
        do throws(StorageError) {
            if isBegun { try refuseRestore(of: trashed) }
            if !call.hasBegun { try remove(note, from: trashed) }
        } catch let mark {
            throw error.adding(cause: mark)
        }
        throw error
    }

    private func purgeFailure(_ result: Int32, of trashed: TrashedVolume) -> StorageError {
        let shown = trashed.name.printable
        let isLeftover = trashed.isLeftover
        let options = source.options(for: trashed.id)
        func failure(_ code: StorageError.Code, _ message: String) -> StorageError {
            StorageError(code, message, subject: .volume(shown))
        }
        switch CephFailure(result).errno {
        case .canceled:
            return failure(
                .cancelled, "The image '\(shown)' is deleted in part, which can't be taken back: \(trashed.again)")
        case .resourceBusy where isLeftover:
            return failure(
                .busy,
                "The image '\(shown)' is being deleted by another client, or that was killed less than 30 seconds ago")
        case .directoryNotEmpty where isLeftover:
            return failure(
                .busy,
                "What is left of the image '\(shown)' has snapshots: delete them first, with 'rbd snap purge \(options)'"
            )
        case .tooManyLinks where isLeftover:
            return failure(
                .busy,
                "What is left of the image '\(shown)' belongs to a group: take it out first, with 'rbd group image remove --image-id \(trashed.id.printable)'"
            )
        case .resourceBusy:
            return failure(
                .busy, "The image '\(shown)' in the trash has been opened by somebody: shut that down first")
        case .directoryNotEmpty:
            return failure(
                .busy,
                "The image '\(shown)' in the trash has snapshots: restore it, and delete it with --delete-snapshots")
        case .tooManyLinks:
            return failure(
                .busy,
                "The image '\(shown)' in the trash belongs to a group: restore it, and take it out with 'rbd group image remove'"
            )
        default: break
        }
        return CephFailure(result).error(cannot: "delete the image '\(shown)' in the trash", in: source)
            .about(.volume, shown)
    }

    /// The migration needs it to the end, and librbd neither deletes nor restores it (EROFS and EINVAL, 16.2).
    ///
    /// - Throws: `invalid_state` for what an image that is being migrated comes from.
    private func refuseMigrated(_ trashed: TrashedVolume) throws(StorageError) {
        guard trashed.source == "migration" else { return }
        throw StorageError(
            .invalidState,
            "The image '\(trashed.name.printable)' in the trash is kept there by a migration: end that first, with \(OpenImage.migrationEnds)",
            subject: .volume(trashed.name.printable))
    }

    func check(_ result: Int32, _ name: String, cannot action: String) throws(StorageError) {
        guard result < 0 else { return }
        throw CephFailure(result).error(cannot: action, in: source).about(.volume, name.printable)
    }
}

extension TrashedVolume {
    /// Whether a deletion has left it, and no user has put it there.
    var isLeftover: Bool { source == "removing" }
    /// What ends a purge that has ended early.
    fileprivate var again: String { isLeftover ? "delete it again" : "purge it again" }

    fileprivate init(_ entry: rbd_trash_image_info_t) {
        unsafe self.init(id: String(cString: entry.id), name: String(cString: entry.name))
        unsafe deletedAt = Timestamp(seconds: Int64(entry.deletion_time))
        unsafe keptUntil = Timestamp(seconds: Int64(entry.deferment_end_time))
        source =
            switch unsafe entry.source {
            case RBD_TRASH_IMAGE_SOURCE_USER, RBD_TRASH_IMAGE_SOURCE_USER_PARENT: "user"
            case RBD_TRASH_IMAGE_SOURCE_MIRRORING: "mirroring"
            case RBD_TRASH_IMAGE_SOURCE_MIGRATION: "migration"
            case RBD_TRASH_IMAGE_SOURCE_REMOVING: "removing"
            default: nil
            }
    }
}
