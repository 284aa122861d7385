import SANHost
public import SANModel

extension StorageEngine {
    /// Stores a definition, or replaces the stored one of the same name and UUID.
    ///
    /// For a running pool the new definition takes effect after the next stop. A document without a UUID gets a random one; where it says
    /// what is stored already, nothing changes.
    ///
    /// - Parameter broken: the bytes of a broken definition that this one mends; it is overwritten only while it is still that one.
    /// - Throws: `malformed_definition`, `invalid_argument`, `already_exists` for a name, UUID or source that another pool has, `invalid_state` where
    ///   a broken file is in the way, `busy`.
    public func definePool(
        _ definition: PoolDefinition, mending broken: [UInt8]? = nil
    ) async throws(StorageError) -> Change<PoolStatus> {
        let deadline = newDeadline()
        try validate(definition)
        let name = definition.name
        let lock = try await locks.acquire(.lifeCycle(pool: name), .exclusive, for: "define", until: deadline)
        defer { lock.release() }
        let storeLock = try await locks.acquire(.store, .exclusive, for: "define", until: deadline)
        defer { storeLock.release() }
        let record = try recordUnderLock(of: name)
        var mends = false
        if let broken { mends = try definitions.bytes(of: name) == broken }
        let new = try admit(definition, over: record, mending: mends)
        if record.stored?.definition == new { return .unchanged(record.status) }
        let definitions = definitions
        try await withUninterruptedThread(named: "san-define") { () throws(StorageError) in
            try definitions.save(new)
        }
        return .changed(try recordUnderLock(of: name).status)
    }

    /// Forgets the definition and the autostart mark; the storage stays as it is.
    ///
    /// A broken definition can be undefined too.
    ///
    /// - Returns: the name.
    /// - Throws: `not_found`, `invalid_state` for an active or transient pool, `busy`.
    public func undefinePool(_ reference: String) async throws(StorageError) -> Change<String> {
        let deadline = newDeadline()
        let (lock, record) = try await hold(reference, .exclusive, for: .undefine, until: deadline)
        defer { lock.release() }
        let storeLock = try await locks.acquire(.store, .exclusive, for: "undefine", until: deadline)
        defer { storeLock.release() }
        let (definitions, live) = (definitions, live)
        try await withUninterruptedThread(named: "san-undefine") { () throws(StorageError) in
            try definitions.remove(record.name)
            try live.remove(record.name)
        }
        return .changed(record.name)
    }

    /// Marks a pool to be started at boot, or takes the mark away.
    ///
    /// - Throws: `not_found`, `invalid_state` for a transient pool, `malformed_definition` for a broken one that is to be marked.
    public func setAutostart(
        ofPool reference: String, to isOn: Bool
    ) async throws(StorageError) -> Change<PoolStatus> {
        let deadline = newDeadline()
        if !isOn, let left = try await unmarkMissing(reference, until: deadline) { return left }
        let (lock, record) = try await hold(reference, .exclusive, for: .autostart, until: deadline)
        defer { lock.release() }
        if record.isAutostarted == isOn { return .unchanged(record.status) }
        if isOn, let error = record.stored?.error { throw error }
        let definitions = definitions
        try await withUninterruptedThread(named: "san-autostart") { () throws(StorageError) in
            try definitions.setAutostart(record.name, to: isOn)
        }
        return .changed(try recordUnderLock(of: record.name).status)
    }

    /// Takes away the mark of a pool that isn't there any more, which each boot would complain about.
    ///
    /// - Returns: nil where there is such a pool, or no such mark.
    private func unmarkMissing(
        _ name: String, until deadline: Deadline
    ) async throws(StorageError) -> Change<PoolStatus>? {
        guard try definitions.autostarted().contains(name), (try? PoolValidation.check(name: name)) != nil  // nobody's
        else { return nil }
        let lock = try await locks.acquire(
            .lifeCycle(pool: name), .exclusive, for: "autostart", until: deadline)
        defer { lock.release() }
        let record = try recordUnderLock(of: name)
        guard !record.exists else { return nil }
        let definitions = definitions
        try await withUninterruptedThread(named: "san-autostart") { () throws(StorageError) in
            try definitions.setAutostart(name, to: false)
        }
        return .changed(try recordUnderLock(of: name).status)
    }

    /// The checks that need no other pool and no host.
    func validate(_ definition: PoolDefinition) throws(StorageError) {
        try PoolValidation.check(definition)
        guard let backend = backends[definition.type] else { return }
        do throws(StorageError) {
            try backend.validate(definition)
        } catch {
            throw error.about(.pool, definition.name.printable)
        }
    }

    /// The definition as it may be stored or started: with a UUID, unlike all other pools'.
    ///
    /// Called with the store's lock held.
    ///
    /// - Parameter mends: a broken definition may be overwritten.
    func admit(
        _ definition: PoolDefinition, over record: PoolRecord, mending mends: Bool = false
    ) throws(StorageError) -> PoolDefinition {
        if let error = record.stored?.error, !mends {
            throw StorageError(
                .invalidState,
                "The stored definition of pool '\(record.name.printable)' can't be read and isn't overwritten; "
                    + "mend it with 'sanctl pool edit', or undefine it first",
                subject: .pool(record.name.printable), causes: [error])
        }
        var new = definition
        new.capacity = nil
        new.allocation = nil
        new.available = nil
        let others = try records().filter { $0.name != definition.name }
        if let known = record.stored?.definition?.uuid ?? record.liveDefinition?.uuid {
            if new.uuid == nil {
                var same = new
                same.uuid = known
                if same == record.stored?.definition ?? record.liveDefinition { new = same }
            }
            guard new.uuid == known else {
                throw StorageError(
                    .alreadyExists,
                    "Pool '\(record.name.printable)' already exists with uuid \(known); give this uuid to redefine it",
                    subject: .pool(record.name.printable))
            }
        }
        if let uuid = new.uuid, let other = others.first(where: { $0.has(uuid) }) {
            throw StorageError(
                .alreadyExists,
                "Pool '\(other.name.printable)' is already defined with uuid \(uuid); leave the uuid out to get a new one",
                subject: .pool(other.name.printable))
        }
        let existing = others.flatMap { [$0.stored?.definition, $0.liveDefinition].compactMap(\.self) }
        if let other = duplicates.conflict(of: new, among: existing) {
            throw StorageError(
                .alreadyExists,
                "Storage source conflict with pool: '\(other.name.printable)'; use that pool, or undefine it first",
                subject: .pool(other.name.printable))
        }
        if new.uuid == nil { new.uuid = .random() }
        return new
    }
}

extension PoolRecord {
    fileprivate func has(_ uuid: StorageUUID) -> Bool {
        stored?.definition?.uuid == uuid || liveDefinition?.uuid == uuid
    }
}

extension StorageEngine {
    /// Takes a pool's life-cycle lock, then looks at the pool and judges the command.
    ///
    /// The caller releases the lock.
    ///
    /// - Throws: `not_found`, also where the pool went while this waited; `invalid_state`, `busy`, `cancelled`.
    func hold(
        _ reference: String, _ mode: FileLock.Mode, for command: PoolCommand, verb: String? = nil,
        until deadline: Deadline
    ) async throws(StorageError) -> (lock: FileLock, record: PoolRecord) {
        let name = try resolve(reference).name
        let lock = try await locks.acquire(
            .lifeCycle(pool: name), mode, for: verb ?? command.rawValue, until: deadline)
        do throws(StorageError) {
            let record = mode == .exclusive ? try recordUnderLock(of: name) : try record(of: name)
            guard record.exists else { throw StorageError.noPool(named: reference) }
            _ = try command.judge(pool: name, state: record.phase.state, isPersistent: record.isPersistent)
            return (lock, record)
        } catch {
            lock.release()
            throw error
        }
    }
}
