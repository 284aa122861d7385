import SANHost
import SANModel

// The calls to backends, each with its deadline, and the writes of what came of them.
extension StorageEngine {
    /// The pool that an earlier process started.
    ///
    /// - Throws: `invalid_state` where the host doesn't have it any more.
    func adopt(
        _ record: PoolRecord, until deadline: Deadline
    ) async throws(StorageError) -> any ActivePool {
        let definition = try record.usableDefinition()
        guard let pool = try await adoptIfThere(definition, until: deadline) else {
            throw StorageError(
                .invalidState,
                "This host doesn't have pool '\(record.name.printable)' active any more; stop it and start it",
                subject: .pool(record.name.printable))
        }
        return pool
    }

    func adoptIfThere(
        _ definition: PoolDefinition, until deadline: Deadline
    ) async throws(StorageError) -> (any ActivePool)? {
        let backend = try await availableBackend(of: definition.type, until: deadline)
        let context = context(until: deadline)
        return try await withDeadline(deadline, waitingFor: "pool '\(definition.name.printable)'") {
            () async throws(StorageError) in try await backend.adoptAny(definition, in: context)
        }
    }

    func read(
        _ pool: any ActivePool, of name: String, verb: String = "refresh", until deadline: Deadline
    ) async throws(StorageError) -> PoolSnapshot {
        var asking = context(until: deadline)
        asking.lastVolumes = { lastVolumes(of: name) }
        asking.lastRefresh = { lastRefresh(of: name) }
        let context = asking
        return try await withDeadline(deadline, waitingFor: "the \(verb) of pool '\(name.printable)'") {
            () async throws(StorageError) in try await pool.refresh(in: context)
        }
    }

    /// A damaged list tells nothing.
    func lastVolumes(of name: String) -> [Volume] {
        let known = try? live.volumes(of: name)  // see above
        return known?.volumes ?? []
    }

    private func lastRefresh(of name: String) -> Timestamp? {
        guard case .state(let state) = try? live.load(name) else { return nil }  // see above
        return state.refreshedAt
    }

    func deactivate(
        _ pool: any ActivePool, of name: String, until deadline: Deadline
    ) async throws(StorageError) {
        let context = context(until: deadline)
        _ = try await withDeadline(deadline, waitingFor: "the stop of pool '\(name.printable)'") {
            () async throws(StorageError) in try await pool.deactivate(in: context)
        }
    }

    /// Changes the pool's files under the state lock, to the end also when the caller is cancelled.
    func write(
        _ name: String, _ body: @escaping @Sendable (LiveStore) throws(StorageError) -> Void
    ) async throws(StorageError) {
        let (locks, live) = (locks, live)
        try await shielded { () async throws(StorageError) in
            // It is held for moments only, so the wait has a deadline of its own: a failure must be noted after the operation's deadline too.
            let lock = try await locks.acquire(
                .state(pool: name), .exclusive, for: "write", until: .after(.seconds(30)))
            defer { lock.release() }
            try await withUninterruptedThread(named: "san-state") { () throws(StorageError) in try body(live) }
        }
    }
}

extension LiveState {
    /// Takes over what a refresh saw that began then: nothing that it has was read earlier.
    mutating func take(_ snapshot: PoolSnapshot, readFrom start: Timestamp) {
        capacity = snapshot.capacity
        allocation = snapshot.allocation
        available = snapshot.available
        volumeCount = snapshot.volumes.count
        trashCount = snapshot.trashCount
        permissions = snapshot.permissions
        refreshedAt = start
    }
}
