import SANHost
public import SANModel

extension StorageEngine {
    /// Makes a volume, empty or filled from another one.
    ///
    /// - Parameter origin: the volume to copy; one that is larger makes the new one as large.
    /// - Throws: `already_exists`, `invalid_argument`, `unsupported`, `invalid_state` for an inactive pool, `busy`, and what the backend throws.
    public func createVolume(
        _ definition: VolumeDefinition, inPool pool: String, preallocatesMetadata: Bool = false,
        from origin: VolumeReference? = nil, progress: any ProgressReporting = NoProgress()
    ) async throws(StorageError) -> Change<LocatedVolume> {
        try await make(
            definition.name, definition.imageSettings, inPool: pool,
            from: try origin.map { reference throws(StorageError) in try find(reference) }
        ) { (provisioning, source, deadline) async throws(StorageError) in
            let request = try await self.request(
                definition, preallocatesMetadata: preallocatesMetadata, from: source, until: deadline)
            return try await self.create(request, in: provisioning, until: deadline, progress)
        }
    }

    /// Makes a volume with another one's data: one that stands on it where the pool has such clones, else a copy.
    ///
    /// - Parameters:
    ///   - snapshot: of the other one; nil for what it holds now.
    ///   - target: the pool to make it in; nil for that of the other one.
    /// - Throws: as ``createVolume(_:inPool:preallocatesMetadata:from:progress:)``; `unsupported` for a snapshot that the pool can't clone.
    public func cloneVolume(
        _ reference: VolumeReference, snapshot: String? = nil, named name: String, inPool target: String? = nil,
        progress: any ProgressReporting = NoProgress()
    ) async throws(StorageError) -> Change<LocatedVolume> {
        let source = try find(reference)
        var definition = source.volume.definition
        definition.name = name
        definition.key = nil
        definition.physical = nil
        definition.target.path = nil
        definition.target.timestamps = nil
        definition.sourceDevices = []
        definition.backingStore = nil
        definition.imageSettings = nil
        let copied = definition
        return try await make(name, inPool: target ?? source.pool, from: source) {
            (provisioning, source, deadline) async throws(StorageError) in
            let request = try await self.request(
                copied, preallocatesMetadata: false, from: source, until: deadline)
            let context = self.context(until: deadline, progress: progress)
            if let origin = request.origin, let cloning = provisioning as? any VolumeCloning,
                Swift.type(of: cloning) == Swift.type(of: origin.pool)
            {
                return try await cloning.cloneVolume(
                    CloneRequest(name: name, origin: origin, snapshot: snapshot), in: context
                ).map { self.withEncryption(of: request, $0) }
            }
            guard snapshot == nil else {
                throw StorageError(
                    .unsupported,
                    "No volume of this pool can stand on a snapshot: rbd pools have such clones, of images of their own cluster",
                    subject: .volume(name.printable))
            }
            guard request.origin?.volume.isDecrypted != true else {
                throw StorageError(
                    .unsupported,
                    "'\(reference.text.printable)' is an encrypted image, which only its own cluster clones: copy it with create-from and a document with an <encryption>",
                    subject: .volume(reference.text.printable))
            }
            return try await self.create(request, in: provisioning, until: deadline, progress)
        }
    }

    /// Makes a volume while its name, and what it is made from, are held.
    ///
    /// - Throws: `unsupported` for settings of an image in another pool than one of images.
    private func make(
        _ name: String, _ settings: ImageSettings? = nil, inPool pool: String, from origin: LocatedVolume?,
        _ body: (any VolumeProvisioning, LocatedVolume?, Deadline) async throws(StorageError) -> Change<Volume>
    ) async throws(StorageError) -> Change<LocatedVolume> {
        let deadline = newDeadline()
        try VolumeValidation.check(name: name)
        let (lock, record) = try await hold(pool, .shared, for: .use, verb: "volume create", until: deadline)
        defer { lock.release() }
        let held = try await holdPair(record.name, name, origin, until: deadline)
        defer { held.forEach { $0.release() } }
        try refuseDuplicate(name, in: record.name)
        let provisioning = try await self.pool(
            of: record, as: (any VolumeProvisioning).self,
            origin == nil
                ? "volume creation"
                : "volume creation from an existing volume",
            until: deadline)
        guard settings == nil || type(of: record) == .rbd else {
            throw StorageError(
                .unsupported, "<sanctl:image> and its options are for rbd pools: leave them out",
                subject: .volume(name.printable))
        }
        do throws(StorageError) {
            let change = try await body(provisioning, origin, deadline)
            try await noteDone("made", change.value, named: change.value.name, in: record.name)
            return change.map { LocatedVolume(pool: record.name, poolType: type(of: record), volume: $0) }
        } catch {
            let new = VolumeHold(record: record, volume: Volume(VolumeDefinition(name: name)), locks: [])
            throw finished(error, new)
        }
    }

    /// Gives a volume another size.
    ///
    /// - Parameters:
    ///   - isDelta: `capacity` is added to (with `allowsShrink`: taken from) what there is.
    ///   - allocates: take the new space at once.
    ///   - isForced: shrink it even while somebody has it open, where the backend knows who has.
    /// - Throws: `invalid_argument` for a shrink that isn't allowed or would cut what is allocated, and for more than the pool has;
    ///   `unsupported`, `busy`, and what the backend throws.
    public func resizeVolume(
        _ reference: VolumeReference, to capacity: ByteCount, isDelta: Bool, allowsShrink: Bool, allocates: Bool,
        isForced: Bool = false, progress: any ProgressReporting = NoProgress()
    ) async throws(StorageError) -> Change<LocatedVolume> {
        let deadline = newDeadline()
        let hold = try await hold(reference, .exclusive, verb: "volume resize", until: deadline)
        defer { hold.release() }
        let wanted = try ResizeRules(
            volume: hold.volume.definition, available: hold.record.state?.available, isDelta: isDelta,
            allowsShrink: allowsShrink, allocates: allocates, isUncounted: hold.volume.isAllocationUncounted
        ).capacity(for: capacity)
        let provisioning = try await pool(
            of: hold.record, as: (any VolumeProvisioning).self,
            "changing of volume capacity", until: deadline)
        do throws(StorageError) {
            let change = try await provisioning.resizeVolume(
                hold.volume,
                to: ResizeRequest(
                    capacity: wanted, expected: isDelta ? hold.volume.definition.capacity : nil,
                    allowsShrink: allowsShrink, allocates: allocates, isForced: isForced),
                in: context(until: deadline, progress: progress)
            ).map { withSecret($0, formerly: hold.volume) }
            try await noteDone("resized", change.value, named: hold.volume.name, in: hold.pool)
            return change.map { LocatedVolume(pool: hold.pool, poolType: type(of: hold.record), volume: $0) }
        } catch {
            throw finished(error, hold)
        }
    }

    /// - Returns: the volume that is gone.
    /// - Throws: `not_found`, `unsupported`, `busy`, and what the backend throws.
    public func deleteVolume(
        _ reference: VolumeReference, deletingSnapshots: Bool, progress: any ProgressReporting = NoProgress()
    ) async throws(StorageError) -> Change<LocatedVolume> {
        let deadline = newDeadline()
        let hold = try await hold(reference, .exclusive, verb: "volume delete", until: deadline)
        defer { hold.release() }
        let provisioning = try await pool(
            of: hold.record, as: (any VolumeProvisioning).self, "vol deletion",
            until: deadline)
        do throws(StorageError) {
            let change = try await provisioning.deleteVolume(
                hold.volume, deletingSnapshots: deletingSnapshots,
                in: context(until: deadline, progress: progress))
            try await noteDone("deleted", nil, named: hold.volume.name, in: hold.pool)
            return change.map { LocatedVolume(pool: hold.pool, poolType: type(of: hold.record), volume: hold.volume) }
        } catch {
            throw finished(error, hold)
        }
    }

    /// Notes what was done on the storage; where that fails the error says that it was done all the same.
    func noteDone(
        _ done: String, _ volume: Volume?, named name: String, in pool: String
    ) async throws(StorageError) {
        do throws(StorageError) {
            try await note(volume, named: name, in: pool)
        } catch {
            throw error.adding(
                cause: StorageError(
                    .invalidState,
                    "'\(name.printable)' was \(done) before that; refresh the pool when its list can be written again",
                    subject: .volume(name.printable)))
        }
    }

    private func type(of record: PoolRecord) -> PoolType {
        record.definition?.type ?? .directory
    }

    private func refuseDuplicate(_ name: String, in pool: String) throws(StorageError) {
        guard try live.volumes(of: pool)?.volumes.contains(where: { $0.name == name }) == true else { return }
        throw StorageError(
            .alreadyExists,
            "Storage volume '\(name.printable)' exists already in pool '\(pool.printable)'; choose another name or delete it",
            subject: StorageError.Subject([.volume: name.printable, .pool: pool.printable]))
    }

    /// The new volume's lock and its source's, in an order that two such commands can't block each other by.
    private func holdPair(
        _ pool: String, _ name: String, _ source: LocatedVolume?, until deadline: Deadline
    ) async throws(StorageError) -> [FileLock] {
        var wanted: [(pool: String, name: String, mode: FileLock.Mode)] = [(pool, name, .exclusive)]
        if let source, (source.pool, source.volume.name) != (pool, name) {
            wanted.append((source.pool, source.volume.name, .shared))
        }
        wanted.sort { LockFolder.precedes(($0.pool, $0.name), ($1.pool, $1.name)) }
        var held: [FileLock] = []
        do throws(StorageError) {
            if let source, source.pool != pool {
                let (lock, _) = try await hold(
                    source.pool, .shared, for: .use, verb: "volume clone", until: deadline)
                held.append(lock)
            }
            for (pool, name, mode) in wanted {
                held.append(
                    try await locks.acquire(
                        .volume(pool: pool, name: name), mode, for: "volume create", until: deadline))
            }
            return held
        } catch {
            held.forEach { $0.release() }
            throw error
        }
    }

    private func request(
        _ definition: VolumeDefinition, preallocatesMetadata: Bool, from source: LocatedVolume?,
        until deadline: Deadline
    ) async throws(StorageError) -> VolumeRequest {
        var definition = definition
        guard let source else {
            guard definition.capacity != nil || definition.backingStore != nil else {
                throw StorageError(
                    .invalidArgument, "Missing capacity element: a new volume needs a size",
                    subject: .volume(definition.name.printable))
            }
            return VolumeRequest(definition, preallocatesMetadata: preallocatesMetadata)
        }
        // Looked up again now that its lock is held.
        let origin = try find(VolumeReference(source.volume.name, pool: source.pool)).volume
        if let size = origin.definition.capacity, (definition.capacity ?? 0) < size { definition.capacity = size }
        let pool = try await adopt(try record(of: source.pool), until: deadline)
        return VolumeRequest(
            definition, preallocatesMetadata: preallocatesMetadata,
            origin: VolumeRequest.Origin(volume: origin, pool: pool))
    }
}
