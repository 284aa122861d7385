import SANHost
public import SANModel

extension StorageEngine {
    /// The volume of a name, key or path.
    ///
    /// - Parameter fresh: read again from the storage where the backend can (`volume info`), else as listed.
    /// - Throws: `not_found`; `invalid_argument` naming the pools where more than one has such a volume; `invalid_state` for an inactive pool.
    public func volume(
        _ reference: VolumeReference, fresh: Bool = false
    ) async throws(StorageError) -> LocatedVolume {
        var located = try find(reference)
        guard fresh else { return located }
        let deadline = newDeadline()
        let record = try record(of: located.pool)
        guard let definition = record.definition,
            let pool = try await adoptIfThere(definition, until: deadline) as? any VolumeInspection
        else { return located }
        let listed = located.volume
        let context = context(until: deadline)
        do throws(StorageError) {
            located.volume = try await withDeadline(
                deadline, waitingFor: "volume '\(listed.name.printable)' of pool '\(located.pool.printable)'"
            ) { () async throws(StorageError) in try await pool.inspect(listed, in: context) }
            located.volume = withSecret(located.volume, formerly: listed)
        } catch  where error.code == .notFound || error.code == .cancelled {
            throw error.about(.volume, listed.name.printable).about(.pool, located.pool.printable)
        } catch {
            located.volume.problems.append(Problem(error))
        }
        return located
    }

    /// Takes `VOLUME@SNAPSHOT` apart, unless there is a volume of the whole name.
    ///
    /// - Returns: no snapshot for a text without '@'.
    /// - Throws: `not_found`, as ``volume(_:fresh:)``.
    public func splitSnapshot(
        _ reference: VolumeReference
    ) throws(StorageError) -> (volume: VolumeReference, snapshot: String?) {
        guard let mark = reference.text.lastIndex(of: "@") else { return (reference, nil) }
        do throws(StorageError) {
            _ = try find(reference)
            return (reference, nil)
        } catch  where error.code == .notFound {
            let volume = VolumeReference(String(reference.text[..<mark]), pool: reference.pool)
            return (volume, String(reference.text[reference.text.index(after: mark)...]))
        }
    }

    /// Looks a volume up in the lists of the last refreshes.
    func find(_ reference: VolumeReference) throws(StorageError) -> LocatedVolume {
        if let pool = reference.pool { return try find(reference.text, in: try resolve(pool)) }
        var matches: [LocatedVolume] = []
        var problems: [StorageError] = []
        for record in try records() where record.phase.state.isActive {
            do throws(StorageError) {
                matches.append(try find(reference.text, in: record))
            } catch  where error.code == .notFound {
                continue
            } catch {
                problems.append(error)
            }
        }
        guard let match = matches.first else { throw noVolume(reference.text, in: nil, causes: problems) }
        guard matches.count == 1 else {
            let pools = matches.map { "'\($0.pool.printable)'" }.joined(separator: ", ")
            throw StorageError(
                .invalidArgument,
                "Several pools have a volume '\(reference.text.printable)': \(pools); name one with --pool",
                subject: .volume(reference.text.printable))
        }
        return match
    }

    private func find(_ text: String, in record: PoolRecord) throws(StorageError) -> LocatedVolume {
        _ = try PoolCommand.use.judge(
            pool: record.name, state: record.phase.state, isPersistent: record.isPersistent)
        let definition = try record.usableDefinition()
        let volumes = try listedVolumes(of: record.name)
        // In one pool names are unique; keys and paths may look like another volume's name.
        let match =
            volumes.first { $0.name == text } ?? volumes.first { $0.key == text } ?? volumes.first { $0.path == text }
        guard let match, !text.isEmpty else { throw noVolume(text, in: record.name) }
        return LocatedVolume(pool: record.name, poolType: definition.type, volume: match)
    }

    private func noVolume(_ text: String, in pool: String?, causes: [StorageError] = []) -> StorageError {
        let place = pool.map { " in pool '\($0.printable)'" } ?? ""
        let error = StorageError(
            .notFound,
            "No storage vol with matching name, key or path '\(text.printable)'\(place); refresh the pool if it is new",
            subject: .volume(text.printable), causes: causes)
        return pool.map { error.about(.pool, $0.printable) } ?? error
    }
}

/// A volume that is being worked on, with the locks that its pool and it are held by.
struct VolumeHold: Sendable {
    var record: PoolRecord
    var volume: Volume
    var locks: [FileLock]

    var pool: String { record.name }

    func release() {
        for lock in locks.reversed() { lock.release() }
    }
}

extension StorageEngine {
    /// Takes the locks for work on a volume, then looks it up again: it may have changed while this waited.
    func hold(
        _ reference: VolumeReference, _ mode: FileLock.Mode, verb: String, until deadline: Deadline
    ) async throws(StorageError) -> VolumeHold {
        let found = try find(reference)
        let (lock, record) = try await hold(found.pool, .shared, for: .use, verb: verb, until: deadline)
        do throws(StorageError) {
            let volumeLock = try await locks.acquire(
                .volume(pool: found.pool, name: found.volume.name), mode, for: verb, until: deadline)
            do throws(StorageError) {
                let located = try find(VolumeReference(found.volume.name, pool: found.pool))
                return VolumeHold(record: record, volume: located.volume, locks: [lock, volumeLock])
            } catch {
                volumeLock.release()
                throw error
            }
        } catch {
            lock.release()
            throw error
        }
    }

    /// The pool of a held volume, as one that can do this.
    ///
    /// - Parameter operation: what it can't do where it isn't one, in libvirt's words: "volume creation".
    /// - Throws: `unsupported`.
    func pool<Capability>(
        of record: PoolRecord, as capability: Capability.Type, _ operation: String, until deadline: Deadline
    ) async throws(StorageError) -> Capability {
        let pool = try await adopt(record, until: deadline)
        guard let capable = pool as? Capability else {
            throw StorageError.unsupported(operation, pool: record.name, type: record.definition?.type)
        }
        return capable
    }

    /// Puts one volume's news into the pool's list, and the space it took or gave back into the pool's figures.
    ///
    /// - Parameter volume: nil where it is gone.
    func note(_ volume: Volume?, named name: String, in pool: String) async throws(StorageError) {
        try await write(pool) { store throws(StorageError) in
            guard case .state(var state) = try store.load(pool) else { return }
            let known = try? store.volumes(of: pool)  // a damaged list stays one until the next refresh
            guard var list = known else { return }
            let old = list.volumes.first { $0.name == name }
            list.record(name, volume)
            state.volumeCount = list.volumes.count
            state.moveSpace(
                from: old?.definition.allocation?.bytes ?? 0, to: volume?.definition.allocation?.bytes ?? 0)
            try store.save(list, of: pool)
            try store.save(state, of: pool)
        }
    }

    /// Reads a volume again after its bytes were changed, where the backend can; the list stays as it is where that fails.
    ///
    /// - Parameter isAnew: whether it was written from its start on, so that its header says what it is now.
    func noteContents(of hold: VolumeHold, _ pool: any ActivePool, isAnew: Bool = false) async {
        guard let pool = pool as? any VolumeInspection else { return }
        let deadline = newDeadline()
        let context = context(until: deadline)
        let volume = hold.volume
        var known = volume
        if isAnew { known.definition.target.format = nil }
        let asked = known
        do throws(StorageError) {
            let news = try await withDeadline(deadline, waitingFor: "volume '\(volume.name.printable)'") {
                () async throws(StorageError) in try await pool.inspect(asked, in: context)
            }
            try await note(withSecret(news, formerly: volume), named: volume.name, in: hold.pool)
        } catch {
            configuration.logger.info("\(volume.name.printable) can't be read again: \(error.message), ignoring")
            guard isAnew else { return }
            // The next refresh is to judge it by what it is by then, not by what it was.
            do throws(StorageError) {
                try await note(asked, named: volume.name, in: hold.pool)
            } catch {
                configuration.logger.info("\(volume.name.printable) isn't noted: \(error.message), ignoring")
            }
        }
    }

    /// What the caller gets of an operation that took as long as its data.
    func finished(_ error: StorageError, _ hold: VolumeHold) -> StorageError {
        let error = error.about(.volume, hold.volume.name.printable).about(.pool, hold.pool.printable)
        guard Task.isCancelled, error.code != .cancelled else { return error }
        return StorageError(
            .cancelled, "Cancelled while volume '\(hold.volume.name.printable)' was worked on", subject: error.subject,
            causes: [error])
    }
}

extension LiveState {
    /// Until the next refresh counts anew.
    fileprivate mutating func moveSpace(from old: UInt64, to new: UInt64) {
        func shifted(_ size: ByteCount?, up: UInt64, down: UInt64) -> ByteCount? {
            size.map { ByteCount($0.adding(ByteCount(up))?.bytes ?? .max).taking(down) }
        }
        allocation = shifted(allocation, up: new, down: old)
        available = shifted(available, up: old, down: new)
    }
}

extension ByteCount {
    /// The difference, zero where there is none.
    func taking(_ other: UInt64) -> ByteCount {
        ByteCount(bytes - min(bytes, other))
    }
}
