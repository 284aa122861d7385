import SANHost
public import SANModel

extension StorageEngine {
    /// Takes a pool down on this host; a transient pool is gone then.
    ///
    /// Work on its volumes is waited for.
    ///
    /// - Parameter force: forget the pool also where the backend can't take it down; its problems say why, and what stays on the host.
    /// - Returns: unchanged for an inactive pool.
    /// - Throws: `not_found`, `busy`, `timed_out`, `cancelled`, and what the backend throws: the pool is degraded then, as active as it was.
    public func stopPool(_ reference: String, force: Bool = false) async throws(StorageError) -> Change<PoolStatus> {
        let deadline = newDeadline()
        let (lock, record) = try await hold(reference, .exclusive, for: .stop, until: deadline)
        defer { lock.release() }
        let name = record.name
        guard record.phase != .inactive || record.isInterrupted else { return .unchanged(record.status) }
        var problems: [Problem] = []
        do throws(StorageError) {
            try await noteStopping(record)
            try await takeDown(record, until: deadline)
        } catch {
            let error = error.about(.pool, name.printable)
            guard force else {
                do throws(StorageError) {
                    try await noteFailure(record, error)
                } catch let second {
                    throw error.adding(cause: second)
                }
                throw error
            }
            problems.append(Problem(error))
            problems += await remains(of: record, error.code)
        }
        var left = record
        left.state = nil
        left.liveDefinition = nil
        left.damage = nil
        left.isInterrupted = false
        try await write(name) { store throws(StorageError) in try store.remove(name) }
        var status = left.status
        // A transient pool is shown as it was: its definition is nowhere else any more.
        status.definition = left.definition ?? record.definition
        status.problems += problems
        return .changed(status)
    }

    private func takeDown(_ record: PoolRecord, until deadline: Deadline) async throws(StorageError) {
        // Without a definition nobody knows what to take down; there is only the state to forget.
        guard let definition = record.definition else { return }
        guard let pool = try await adoptIfThere(definition, until: deadline) else {
            // What it did to the host is gone; who does the same by hand tomorrow mustn't be taken for it.
            return try await activations.remove(pool: record.name)
        }
        try await deactivate(pool, of: record.name, until: deadline)
    }

    /// - Parameter code: of why it couldn't be taken down.
    private func remains(of record: PoolRecord, _ code: StorageError.Code) async -> [Problem] {
        let subject = StorageError.Subject.pool(record.name.printable)
        // The stop's own time may be over.
        let deadline = newDeadline()
        do throws(StorageError) {
            guard let definition = record.definition, let pool = try await adoptIfThere(definition, until: deadline)
            else { return [] }
            let context = context(until: deadline)
            let text = try await withDeadline(deadline, waitingFor: "what stays of pool '\(record.name.printable)'") {
                () async throws(StorageError) in try await pool.remains(in: context)
            }
            return text.map { [Problem(code: code, message: $0, subject: subject)] } ?? []
        } catch {
            let message = "What stays on the host can't be told: \(error.message)"
            return [Problem(code: error.code, message: message, subject: subject)]
        }
    }

    private func noteStopping(_ record: PoolRecord) async throws(StorageError) {
        guard var state = record.state, record.damage == nil, !record.isInterrupted else { return }
        var machine = PoolStateMachine(state.phase)
        try machine.apply(.stop)
        state.phase = machine.phase
        let stopping = state
        do throws(StorageError) {
            try await write(record.name) { store throws(StorageError) in try store.save(stopping, of: record.name) }
        } catch  where error.code == .hostFailure {
            // Where the runtime folder is full, to stop pools is what makes room. Without the note the pool counts as running until it is down.
            configuration.logger.warning(
                "The stop isn't noted", metadata: ["pool": "\(record.name.printable)", "reason": "\(error.message)"])
        }
    }

    private func noteFailure(_ record: PoolRecord, _ error: StorageError) async throws(StorageError) {
        guard var state = record.state, record.damage == nil, !record.isInterrupted else { return }
        // A pool that had failed before it was stopped is still that: nobody knows how much of it is up.
        if case .failed = record.phase {
            state.phase = .failed(record.phase.problems + [Problem(error)])
        } else {
            var machine = PoolStateMachine(.stopping)
            try machine.apply(.stopFailed(Problem(error)))
            state.phase = machine.phase
        }
        let failed = state
        try await write(record.name) { store throws(StorageError) in try store.save(failed, of: record.name) }
    }
}
