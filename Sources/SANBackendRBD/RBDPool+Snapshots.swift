import CCeph
public import SANEngine
public import SANModel

extension RBDPool: VolumeSnapshots {
    public func snapshots(
        of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> [VolumeSnapshot] {
        try await withImage(volume, in: context) { image throws(StorageError) in
            var details: [VolumeSnapshot] = []
            for snapshot in try image.snapshots().sorted(by: { $0.id < $1.id }) {
                details.append(try image.details(of: snapshot))
            }
            return details
        }
    }

    /// Makes a snapshot, of what an image that is in use holds at that moment: what a power failure would leave.
    public func createSnapshot(
        _ name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> VolumeSnapshot {
        guard !name.isEmpty, !name.contains(where: { "@/\0".contains($0) }), name.printable == name else {
            throw StorageError(
                .invalidArgument,
                "'\(name.printable)' can't name a snapshot: '@', '/' and control characters can't be in one",
                subject: .volume(volume.name.printable))
        }
        guard !ImageNaming.isForClones(name) else {
            throw StorageError(
                .invalidArgument,
                "'\(name.printable)' can't name a snapshot: sanctl gives such names to those that it makes for clones, and deletes them",
                subject: .volume(volume.name.printable))
        }
        return try await withImage(volume, writing: true, in: context) { image throws(StorageError) in
            try image.makeSnapshot(name)
            return try image.details(of: name)
        }
    }

    public func deleteSnapshot(
        _ name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> VolumeSnapshot {
        try await withImage(volume, writing: true, in: context) { image throws(StorageError) in
            let snapshot = try image.details(of: name)
            try snapshot.refuseCloned(of: volume)
            guard !snapshot.isProtected else {
                throw StorageError(
                    .invalidState, "The snapshot '\(name.printable)' is protected: unprotect it first",
                    subject: .volume(volume.name.printable))
            }
            try image.deleteSnapshot(name)
            return snapshot
        }
    }

    public func setProtection(
        _ isProtected: Bool, ofSnapshot name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> Change<VolumeSnapshot> {
        try await withImage(volume, writing: true, in: context) { image throws(StorageError) in
            var snapshot = try image.details(of: name)
            guard snapshot.isProtected != isProtected else { return .unchanged(snapshot) }
            if isProtected {
                try image.protect(name)
            } else {
                try snapshot.refuseCloned(of: volume)
                try image.unprotect(name)
            }
            snapshot.isProtected = isProtected
            return .changed(snapshot)
        }
    }

    /// Writes back what the image held; an image that was made larger since becomes smaller again.
    ///
    /// - Throws: `busy` with who has the image open, `not_found`. What ends later leaves an image that is neither one nor the other.
    public func rollBack(
        _ volume: Volume, to snapshot: String, in context: OperationContext
    ) async throws(StorageError) -> Volume {
        let shown = volume.name.printable
        try await withLongCall(
            in: context, over: volume.definition.capacity?.bytes ?? 0, waitingFor: "the rollback of '\(shown)'"
        ) { connection, call throws(StorageError) in
            let image = try OpenImage.claim(volume, connection)
            guard let past = try image.snapshots().first(where: { $0.name == snapshot }) else {
                throw image.noSnapshot(snapshot)
            }
            func left(_ message: String) -> StorageError {
                StorageError(.invalidState, message, subject: .volume(shown))
            }
            let inPart = left("The image '\(shown)' may be rolled back in part: roll it back again")
            let size = try image.sizeAndOrder().size
            var rest: LongCall.Work?
            if size > past.size {
                // A rollback cuts it too, but doesn't tell how far it is (librbd 16.2): it would be taken for one that stands still.
                try call.proceed(leaving: inPart, over: LongCall.Work(end: size, start: past.size))
                try image.resize(to: past.size, allowsShrink: true, call)
                call.left = [
                    left("The image '\(shown)' was cut to the \(past.size) bytes that it had then: roll it back again")
                ]
                // Cutting takes as long as there is to be cut, and without the image's lock others delete snapshots meanwhile.
                guard try image.snapshots().contains(where: { $0.id == past.id && $0.name == snapshot }) else {
                    throw image.noSnapshot(snapshot)
                }
                rest = LongCall.Work(end: past.size, before: size - past.size)
            }
            try call.proceed(leaving: inPart, over: rest)
            let result = unsafe call.withArgument { argument in
                unsafe CephLibrary.functions.rbd_snap_rollback_with_progress(
                    image.handle, snapshot, LongCall.callback, argument)
            }
            call.settle(CephFailure(result))
            try image.check(result, cannot: "roll back")
        }
        return try await inspect(volume, after: "rolled back", in: context)
    }

    /// Copies what a clone has from its parent.
    ///
    /// It may be used meanwhile. What ends early can be begun again.
    public func flatten(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Change<Volume> {
        let now = try await inspect(volume, in: context)
        guard now.parent != nil else { return .unchanged(now) }
        let capacity = now.definition.capacity?.bytes ?? 0
        try await withLongCall(
            in: context, over: capacity, waitingFor: "the flattening of '\(volume.name.printable)'"
        ) { connection, call throws(StorageError) in
            let image = try OpenImage(volume, readOnly: false, connection)
            try call.proceed(at: try image.lockOwner())
            let result = unsafe call.withArgument { argument in
                unsafe CephLibrary.functions.rbd_flatten_with_progress(image.handle, LongCall.callback, argument)
            }
            try image.check(result, cannot: "flatten")
        }
        return .changed(try await inspect(volume, after: "flattened", in: context))
    }

    // MARK: Below

    private func withImage<Value: Sendable>(
        _ volume: Volume, writing: Bool = false, in context: OperationContext,
        _ body: @escaping @Sendable (OpenImage) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try await withConnection(in: context, waitingFor: "the image '\(volume.name.printable)'") {
            connection throws(StorageError) in
            try body(try OpenImage(volume, readOnly: !writing, connection))
        }
    }
}

extension VolumeSnapshot {
    /// - Throws: `busy` with the clones.
    fileprivate func refuseCloned(of volume: Volume) throws(StorageError) {
        guard clones.isEmpty else {
            throw StorageError(
                .busy,
                "The snapshot '\(name.printable)' of '\(volume.name.printable)' has clones: \(clones.shortList); flatten or delete them first",
                subject: .volume(volume.name.printable))
        }
    }
}
