import SANHost
public import SANModel

/// What became of a pool's trash.
public struct PurgeOutcome: Sendable {
    public var pool: String
    /// What is gone.
    public var purged: [TrashedVolume]
    /// What couldn't be deleted, each with the entry it is about; the last one is `cancelled` where somebody stopped it.
    public var failures: [StorageError]
}

extension StorageEngine {
    /// - Returns: the pool's name, and what is in its trash, by name.
    /// - Throws: `unsupported`, `invalid_state` for an inactive pool, and what the backend throws.
    public func trash(ofPool pool: String) async throws(StorageError) -> (pool: String, trash: [TrashedVolume]) {
        try await withTrash(of: pool, verb: "volume trash list") {
            (trash, record, deadline) async throws(StorageError) in
            (record.name, try await trash.trash(in: self.context(until: deadline)))
        }
    }

    /// Takes a volume out of its pool, to be had back.
    ///
    /// - Throws: `busy` with who has it open, `unsupported`, and what the backend throws.
    public func moveToTrash(
        _ reference: VolumeReference, keeping time: Duration
    ) async throws(StorageError) -> (pool: String, trashed: TrashedVolume) {
        let deadline = newDeadline()
        let hold = try await hold(reference, .exclusive, verb: "volume trash move", until: deadline)
        defer { hold.release() }
        let trash = try await pool(of: hold.record, as: (any VolumeTrash).self, "a trash", until: deadline)
        do throws(StorageError) {
            let moved = try await trash.moveToTrash(hold.volume, keeping: time, in: context(until: deadline))
            try await noteDone("moved to the trash", nil, named: hold.volume.name, in: hold.pool)
            await noteTrash(of: trash, hold.pool)
            return (hold.pool, moved)
        } catch {
            throw finished(error, hold)
        }
    }

    /// Makes what is in the trash a volume again.
    ///
    /// - Parameters:
    ///   - entry: its id, or what it was called.
    ///   - name: what it is to be called; nil for what it was.
    /// - Throws: `not_found`, `already_exists`, `invalid_argument` for a name that is in the trash twice, and as ``trash(ofPool:)``.
    public func restoreFromTrash(
        _ entry: String, ofPool pool: String, as name: String?
    ) async throws(StorageError) -> Change<LocatedVolume> {
        try await withTrash(of: pool, verb: "volume trash restore") {
            (trash, record, deadline) async throws(StorageError) in
            let context = self.context(until: deadline)
            let found = try self.find(entry, in: try await trash.trash(in: context), of: record.name)
            let name = name ?? found.name
            try VolumeValidation.check(name: name)
            let lock = try await self.locks.acquire(
                .volume(pool: record.name, name: name), .exclusive, for: "volume trash restore", until: deadline)
            defer { lock.release() }
            let volume = self.withSecrets([try await trash.restore(found, as: name, in: context)]) { [] }[0]
            try await self.noteDone("restored", volume, named: volume.name, in: record.name)
            await self.noteTrash(of: trash, record.name)
            return .changed(
                LocatedVolume(pool: record.name, poolType: record.definition?.type ?? .directory, volume: volume))
        }
    }

    /// Deletes what is in the trash.
    ///
    /// - Parameters:
    ///   - entry: the id of one, or what it was called; nil for all of users' whose time has come, with `isForced` for all of users'.
    ///   - isForced: also before its time.
    ///   - progress: hears of all that is to be deleted as one.
    /// - Throws: `busy` for one entry that is still kept, and as ``restoreFromTrash(_:ofPool:as:)``. Of several each is tried, until somebody
    ///   stops it: then what was deleted until then is told, too.
    public func purgeTrash(
        ofPool pool: String, entry: String? = nil, isForced: Bool, progress: any ProgressReporting = NoProgress()
    ) async throws(StorageError) -> PurgeOutcome {
        try await withTrash(of: pool, verb: "volume trash purge") {
            (trash, record, deadline) async throws(StorageError) in
            let all = try await trash.trash(in: self.context(until: deadline))
            var outcome = PurgeOutcome(pool: record.name, purged: [], failures: [])
            if let entry {
                let found = try self.find(entry, in: all, of: record.name)
                try await trash.purge(
                    found, isForced: isForced, in: self.context(until: self.newDeadline(), progress: progress))
                outcome.purged = [found]
            } else {
                let now = Timestamp.now
                let due = all.filter { $0.goesWithAll(isForced: isForced, at: now) }
                await self.purge(due, trash, isForced: isForced, progress, &outcome)
            }
            await self.noteTrash(of: trash, record.name)
            return outcome
        }
    }

    /// Tries each, until it is cancelled.
    private func purge(
        _ due: [TrashedVolume], _ trash: any VolumeTrash, isForced: Bool, _ progress: any ProgressReporting,
        _ outcome: inout PurgeOutcome
    ) async {
        var part = PartProgress(whole: progress, of: due.compactMap(\.capacity))
        for (index, found) in due.enumerated() {
            do throws(StorageError) {
                guard !Task.isCancelled else {
                    let rest = due.count - index
                    throw StorageError(.cancelled, "Cancelled with \(rest == 1 ? "1 volume" : "\(rest) volumes") to go")
                }
                try await trash.purge(
                    found, isForced: isForced, in: context(until: newDeadline(), progress: part))
                outcome.purged.append(found)
            } catch {
                outcome.failures.append(error.about(.volume, found.name.printable))
                if error.code == .cancelled { return }
            }
            part.pass(found.capacity)
        }
    }

    /// Counts a pool's trash anew; the count stays as it is where that fails.
    private func noteTrash(of trash: any VolumeTrash, _ pool: String) async {
        do throws(StorageError) {
            // Also for whoever was cancelled in the middle of a purge.
            try await shielded { () async throws(StorageError) in
                let count = try await trash.trash(in: self.context(until: self.newDeadline())).count
                try await self.write(pool) { store throws(StorageError) in
                    guard case .state(var state) = try store.load(pool) else { return }
                    state.trashCount = count
                    try store.save(state, of: pool)
                }
            }
        } catch {
            configuration.logger.info("The trash of \(pool.printable) can't be counted: \(error.message), ignoring")
        }
    }

    private func find(
        _ entry: String, in trash: [TrashedVolume], of pool: String
    ) throws(StorageError) -> TrashedVolume {
        if let found = trash.first(where: { $0.id == entry }) { return found }
        let named = trash.filter { $0.name == entry }
        guard let found = named.first else {
            throw StorageError(
                .notFound, "There is no '\(entry.printable)' in the trash of pool '\(pool.printable)'",
                subject: .volume(entry.printable))
        }
        guard named.count == 1 else {
            let ids = named.map(\.id.printable).joined(separator: ", ")
            throw StorageError(
                .invalidArgument, "There are several '\(entry.printable)' in the trash: give one's id, \(ids)",
                subject: .volume(entry.printable))
        }
        return found
    }

    private func withTrash<Value: Sendable>(
        of pool: String, verb: String,
        _ body: (any VolumeTrash, PoolRecord, Deadline) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let deadline = newDeadline()
        let (lock, record) = try await hold(pool, .shared, for: .use, verb: verb, until: deadline)
        defer { lock.release() }
        let trash = try await self.pool(of: record, as: (any VolumeTrash).self, "a trash", until: deadline)
        do throws(StorageError) {
            return try await body(trash, record, deadline)
        } catch {
            throw error.about(.pool, record.name.printable)
        }
    }
}

extension TrashedVolume {
    /// Whether it goes where nobody names it: what mirroring and migration have put there is theirs, as for 'rbd trash purge'.
    func goesWithAll(isForced: Bool, at now: Timestamp) -> Bool {
        source == "user" && (isForced || (keptUntil ?? now) <= now)
    }
}
