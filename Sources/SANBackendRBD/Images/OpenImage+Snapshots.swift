import CCeph
import SANModel

extension OpenImage {
    // MARK: Making and deleting

    func makeSnapshot(_ name: String) throws(StorageError) {
        let shown = name.printable
        let result = unsafe CephLibrary.functions.rbd_snap_create(handle, name)
        if CephFailure(result).errno == .fileExists {
            throw StorageError(
                .alreadyExists, "The image '\(self.name.printable)' has a snapshot '\(shown)' already",
                subject: .volume(self.name.printable))
        }
        try check(result, cannot: "make the snapshot '\(shown)' of")
    }

    /// - Returns: false where another process was quicker.
    @discardableResult
    func protect(_ snapshot: String) throws(StorageError) -> Bool {
        let result = unsafe CephLibrary.functions.rbd_snap_protect(handle, snapshot)
        if CephFailure(result).errno == .resourceBusy { return false }
        try check(result, cannot: "protect the snapshot '\(snapshot.printable)' of")
        return true
    }

    func unprotect(_ snapshot: String) throws(StorageError) {
        try check(
            unsafe CephLibrary.functions.rbd_snap_unprotect(handle, snapshot),
            cannot: "unprotect the snapshot '\(snapshot.printable)' of")
    }

    func deleteSnapshot(_ snapshot: String) throws(StorageError) {
        try check(
            unsafe CephLibrary.functions.rbd_snap_remove(handle, snapshot),
            cannot: "delete the snapshot '\(snapshot.printable)' of")
    }

    /// Deletes snapshots that no clone stands on, all or none as far as that can be known before: what is protected is unprotected first.
    ///
    /// The call leaves the image without those that are gone.
    func deleteSnapshots(_ snapshots: [Snapshot], _ call: LongCall) throws(StorageError) {
        let before = call.left
        var losses = SnapshotLosses(of: name)
        // Noted before each call: a time-out, here or of the cluster's, ends the waiting and not what is under way.
        func attempt(
            _ attempt: SnapshotLosses.Attempt, _ body: () throws(StorageError) -> Void
        ) throws(StorageError) {
            try call.proceed()
            losses.begin(attempt)
            call.left = before + losses.told
            do throws(StorageError) {
                try body()
                losses.end()
            } catch {
                losses.fail(error)
                call.left = before + losses.told
                throw error
            }
            call.left = before + losses.told
        }
        do throws(StorageError) {
            for snapshot in snapshots where snapshot.isProtected {
                try attempt(.unprotecting(snapshot.name)) { () throws(StorageError) in try unprotect(snapshot.name) }
            }
            try refuseCloned()
            for snapshot in snapshots {
                try attempt(.deleting(snapshot.name)) { () throws(StorageError) in try deleteSnapshot(snapshot.name) }
            }
        } catch {
            var error = error
            for name in losses.toProtect {
                do throws(StorageError) {
                    try protect(name)
                    losses.protectAgain(name)
                } catch let undo {
                    error = error.adding(cause: undo)
                }
            }
            call.left = before + losses.told
            throw error
        }
    }

    /// What is told of a snapshot.
    ///
    /// - Throws: `not_found`.
    func details(of name: String) throws(StorageError) -> VolumeSnapshot {
        guard let snapshot = try snapshots().first(where: { $0.name == name }) else { throw noSnapshot(name) }
        return try details(of: snapshot)
    }

    func details(of snapshot: Snapshot) throws(StorageError) -> VolumeSnapshot {
        let functions = unsafe CephLibrary.functions
        var time = timespec()
        let asked = unsafe functions.rbd_snap_get_timestamp(handle, snapshot.id, &time)
        // Made before Ceph 13: nobody noted when.
        let isKnown = asked >= 0 && time.tv_sec > 0
        return VolumeSnapshot(
            name: snapshot.name, id: snapshot.id, capacity: ByteCount(snapshot.size),
            isProtected: snapshot.isProtected,
            createdAt: isKnown
                ? Timestamp(seconds: Int64(time.tv_sec), nanoseconds: UInt32(clamping: time.tv_nsec)) : nil,
            clones: try children(of: snapshot))
    }

    /// The clones of one snapshot, on a handle of its own.
    private func children(of snapshot: Snapshot) throws(StorageError) -> [String] {
        let image = try OpenImage(name, readOnly: true, connection)
        try image.check(
            unsafe CephLibrary.functions.rbd_snap_set_by_id(image.handle, snapshot.id),
            cannot: "look at the snapshot '\(snapshot.name.printable)' of")
        return try image.children()
    }

    // MARK: Clones

    /// - Throws: `busy` with the clones of the image's snapshots.
    func refuseCloned() throws(StorageError) {
        let children = try children()
        guard children.isEmpty else {
            throw StorageError(
                .busy, "The image '\(name.printable)' has clones: \(children.shortList); flatten or delete them first",
                subject: .volume(name.printable))
        }
    }

    /// - Throws: `not_found` without such a snapshot, `unsupported` for an image that nothing can stand on.
    func requireClonable(_ snapshot: String) throws(StorageError) {
        let shown = name.printable
        guard try snapshots().contains(where: { $0.name == snapshot }) else {
            throw noSnapshot(snapshot)
        }
        guard try !id().isEmpty, try features().contains(.layering) else {
            throw StorageError(
                .unsupported,
                "No clone can stand on the image '\(shown)', which lacks the feature 'layering': copy it with create-from",
                subject: .volume(shown))
        }
    }

    func noSnapshot(_ snapshot: String) -> StorageError {
        StorageError(
            .notFound, "The image '\(name.printable)' has no snapshot '\(snapshot.printable)'",
            subject: .volume(name.printable))
    }

    /// The newest of the snapshots that were made for clones, where the image still is what it was then.
    ///
    /// Only where fast-diff answers: else each of the image's objects would have to be asked.
    func unchangedSnapshot() throws(StorageError) -> String? {
        let known = try snapshots().filter { ImageNaming.isForClones($0.name) }
        let size = try sizeAndOrder().size
        guard let last = known.max(by: { $0.id < $1.id }), last.size == size else { return nil }
        guard try features().contains(.fastDiff), try !flags().contains(.fastDiffInvalid) else { return nil }
        let result = unsafe CephLibrary.functions.rbd_diff_iterate2(
            handle, last.name, 0, size, 1, 1, { _, _, _, _ in OpenImage.foundChange }, nil)
        if result == OpenImage.foundChange { return nil }
        try check(result, cannot: "compare its snapshot '\(last.name.printable)' with")
        return last.name
    }

    /// What the first piece that differs ends a comparison with: ECANCELED.
    private static let foundChange: Int32 = -125
}
