import SANHost
public import SANModel

/// A snapshot together with the volume that it is of.
public struct LocatedSnapshot: Sendable, Hashable {
    public var pool: String
    public var volume: String
    public var snapshot: VolumeSnapshot
}

extension StorageEngine {
    /// - Returns: the volume's snapshots, the oldest first.
    /// - Throws: `not_found`, `unsupported`, and what the backend throws.
    public func snapshots(of reference: VolumeReference) async throws(StorageError) -> [LocatedSnapshot] {
        try await withSnapshots(of: reference, .shared, verb: "volume snapshot list") {
            (pool, hold, deadline) async throws(StorageError) in
            try await pool.snapshots(of: hold.volume, in: self.context(until: deadline)).map { hold.located($0) }
        }
    }

    /// - Throws: `already_exists`, `invalid_argument` for a name that none can have, and as ``snapshots(of:)``.
    public func createSnapshot(
        _ name: String, of reference: VolumeReference
    ) async throws(StorageError) -> Change<LocatedSnapshot> {
        try await withSnapshots(of: reference, .exclusive, verb: "volume snapshot create") {
            (pool, hold, deadline) async throws(StorageError) in
            let made = try await pool.createSnapshot(name, of: hold.volume, in: self.context(until: deadline))
            await self.noteContents(of: hold, pool)
            return .changed(hold.located(made))
        }
    }

    /// - Returns: the one that is gone.
    /// - Throws: `busy` with its clones, `invalid_state` where it is protected, and as ``snapshots(of:)``.
    public func deleteSnapshot(
        _ name: String, of reference: VolumeReference
    ) async throws(StorageError) -> Change<LocatedSnapshot> {
        try await withSnapshots(of: reference, .exclusive, verb: "volume snapshot delete") {
            (pool, hold, deadline) async throws(StorageError) in
            let gone = try await pool.deleteSnapshot(name, of: hold.volume, in: self.context(until: deadline))
            await self.noteContents(of: hold, pool)
            return .changed(hold.located(gone))
        }
    }

    /// - Throws: `busy` with its clones, and as ``snapshots(of:)``.
    public func setProtection(
        _ isProtected: Bool, ofSnapshot name: String, of reference: VolumeReference
    ) async throws(StorageError) -> Change<LocatedSnapshot> {
        try await withSnapshots(
            of: reference, .exclusive, verb: "volume snapshot " + (isProtected ? "protect" : "unprotect")
        ) { (pool, hold, deadline) async throws(StorageError) in
            try await pool.setProtection(
                isProtected, ofSnapshot: name, of: hold.volume, in: self.context(until: deadline)
            ).map { hold.located($0) }
        }
    }

    /// Makes a volume what it was at its snapshot.
    ///
    /// - Throws: `busy` with who has the volume open, and as ``snapshots(of:)``.
    public func rollBack(
        _ reference: VolumeReference, to snapshot: String, progress: any ProgressReporting
    ) async throws(StorageError) -> Change<LocatedVolume> {
        try await withSnapshots(of: reference, .exclusive, verb: "volume snapshot rollback") {
            (pool, hold, deadline) async throws(StorageError) in
            let volume = self.withSecret(
                try await pool.rollBack(
                    hold.volume, to: snapshot, in: self.context(until: deadline, progress: progress)),
                formerly: hold.volume)
            try await self.note(volume, named: volume.name, in: hold.pool)
            return .changed(hold.located(volume))
        }
    }

    /// Gives a clone all data of its own.
    ///
    /// - Throws: as ``snapshots(of:)``.
    public func flatten(
        _ reference: VolumeReference, progress: any ProgressReporting
    ) async throws(StorageError) -> Change<LocatedVolume> {
        try await withSnapshots(of: reference, .exclusive, verb: "volume flatten", "flattening of volumes") {
            (pool, hold, deadline) async throws(StorageError) in
            let change = try await pool.flatten(
                hold.volume, in: self.context(until: deadline, progress: progress)
            ).map { self.withSecret($0, formerly: hold.volume) }
            try await self.note(change.value, named: change.value.name, in: hold.pool)
            return change.map { hold.located($0) }
        }
    }

    private func withSnapshots<Value>(
        of reference: VolumeReference, _ mode: FileLock.Mode, verb: String, _ operation: String = "volume snapshots",
        _ body: (any VolumeSnapshots, VolumeHold, Deadline) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let deadline = newDeadline()
        let hold = try await hold(reference, mode, verb: verb, until: deadline)
        defer { hold.release() }
        let pool = try await pool(of: hold.record, as: (any VolumeSnapshots).self, operation, until: deadline)
        do throws(StorageError) {
            return try await body(pool, hold, deadline)
        } catch {
            throw finished(error, hold)
        }
    }
}

extension VolumeHold {
    fileprivate func located(_ snapshot: VolumeSnapshot) -> LocatedSnapshot {
        LocatedSnapshot(pool: pool, volume: volume.name, snapshot: snapshot)
    }

    func located(_ volume: Volume) -> LocatedVolume {
        LocatedVolume(pool: pool, poolType: record.definition?.type ?? .directory, volume: volume)
    }
}
