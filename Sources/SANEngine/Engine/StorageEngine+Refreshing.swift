import SANHost
public import SANModel

extension StorageEngine {
    /// Reads the pool's volumes anew.
    ///
    /// A refresh that fails changes nothing on the host: the pool stays active, degraded until the next good one, with its last list.
    ///
    /// - Throws: `not_found`, `invalid_state` for an inactive pool, `timed_out`, `busy`, `cancelled`, and what the backend throws.
    public func refreshPool(_ reference: String) async throws(StorageError) -> PoolStatus {
        let deadline = newDeadline()
        let (lock, record) = try await hold(reference, .shared, for: .refresh, until: deadline)
        defer { lock.release() }
        let name = record.name
        let turn = try await locks.acquire(.refresh(pool: name), .exclusive, for: "refresh", until: deadline)
        defer { turn.release() }
        let (begun, start) = (generation(of: name), Timestamp.now)
        do throws(StorageError) {
            let pool = try await adopt(record, until: deadline)
            var snapshot = try await read(pool, of: name, until: deadline)
            snapshot.volumes = withSecrets(snapshot.volumes) { lastVolumes(of: name) }
            try await note(snapshot, of: name, begunAt: begun, start)
        } catch  where error.code == .cancelled {
            // The user's doing, and no fault of the pool's.
            throw error.about(.pool, name.printable)
        } catch {
            let error = error.about(.pool, name.printable)
            try await note(error, of: name)
            throw error
        }
        return try self.record(of: name).status
    }

    /// A damaged list has no generation: nothing can be taken over from it.
    private func generation(of name: String) -> UInt64 {
        let generation = try? live.generation(ofVolumesOf: name)  // see above
        return generation ?? 0
    }

    private func note(
        _ snapshot: PoolSnapshot, of name: String, begunAt begun: UInt64, _ start: Timestamp
    ) async throws(StorageError) {
        try await write(name) { store throws(StorageError) in
            guard case .state(var state) = try store.load(name) else { return }
            let list = store.list(of: name, refreshedTo: snapshot.volumes, begunAt: begun)
            var machine = PoolStateMachine(state.phase)
            try machine.apply(.refreshed(snapshot.problems))
            state.phase = machine.phase
            state.take(snapshot, readFrom: start)
            state.volumeCount = list.volumes.count
            try store.save(list, of: name)
            try store.save(state, of: name)
        }
    }

    private func note(_ error: StorageError, of name: String) async throws(StorageError) {
        try await write(name) { store throws(StorageError) in
            guard case .state(var state) = try store.load(name) else { return }
            var machine = PoolStateMachine(state.phase)
            try machine.apply(.refreshFailed(Problem(error)))
            state.phase = machine.phase
            try store.save(state, of: name)
        }
    }
}
