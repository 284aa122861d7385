import SANHost
public import SANModel
import SANXML

extension StorageEngine {
    /// Makes a pool active and reads its volumes.
    ///
    /// Where anything fails the pool is as it was, or the error's causes say what was left.
    ///
    /// - Parameter mode: build its storage first; nil doesn't.
    /// - Returns: unchanged for a pool that is active already.
    /// - Throws: `not_found`, `unsupported`, `unavailable`, `timed_out`, `busy`, `cancelled`, and what the backend throws.
    public func startPool(
        _ reference: String, building mode: BuildMode? = nil
    ) async throws(StorageError) -> Change<PoolStatus> {
        let deadline = newDeadline()
        let (lock, record) = try await hold(reference, .exclusive, for: .start, until: deadline)
        defer { lock.release() }
        if record.phase.state.isActive { return .unchanged(record.status) }
        let definition = try record.usableDefinition()
        // A pool that was defined anew since it was interrupted starts with what is stored.
        let wanted = record.stored?.definition ?? definition
        return .changed(try await start(record, with: wanted, building: mode, until: deadline))
    }

    /// Starts a pool that isn't stored: it is gone when it is stopped.
    ///
    /// - Returns: unchanged where a pool with this definition runs already.
    /// - Throws: as ``definePool(_:)`` and ``startPool(_:building:)``.
    public func createPool(
        _ definition: PoolDefinition, building mode: BuildMode? = nil
    ) async throws(StorageError) -> Change<PoolStatus> {
        let deadline = newDeadline()
        try validate(definition)
        let name = definition.name
        let lock = try await locks.acquire(.lifeCycle(pool: name), .exclusive, for: "create", until: deadline)
        defer { lock.release() }
        let storeLock = try await locks.acquire(.store, .exclusive, for: "create", until: deadline)
        let record: PoolRecord
        let new: PoolDefinition
        do {
            defer { storeLock.release() }
            record = try recordUnderLock(of: name)
            new = try admit(definition, over: record)
            if record.phase.state.isActive {
                guard record.liveDefinition == new else {
                    throw StorageError(
                        .alreadyExists, "pool is already active as '\(name.printable)'", subject: .pool(name.printable))
                }
                return .unchanged(record.status)
            }
            // From here on the name, UUID and source are taken, and others may define and create again.
            try await reserve(record, with: new)
        }
        return .changed(try await start(record, with: new, building: mode, until: deadline))
    }

    private func reserve(_ record: PoolRecord, with definition: PoolDefinition) async throws(StorageError) {
        let state = LiveState(boot: try live.boot(), phase: .starting, definition: definition.xml)
        try await write(record.name) { store throws(StorageError) in try store.save(state, of: record.name) }
    }

    /// The steps of a start, each taken back where a later one fails.
    ///
    /// Called with the life-cycle lock held.
    private func start(
        _ record: PoolRecord, with definition: PoolDefinition, building mode: BuildMode?, until deadline: Deadline
    ) async throws(StorageError) -> PoolStatus {
        var machine = PoolStateMachine(record.phase)
        var undo = UndoList()
        do throws(StorageError) {
            try machine.apply(.start)
            let backend = try await availableBackend(of: definition.type, until: deadline)
            try await reserve(record, with: definition)
            if let mode { try await build(definition, mode: mode, with: backend, until: deadline) }
            let pool = try await activate(definition, with: backend, until: deadline, undo: &undo)
            let begun = Timestamp.now
            let snapshot = try await read(pool, of: record.name, verb: "first refresh", until: deadline)
            try machine.apply(.started(snapshot.problems))
            var state = LiveState(boot: try live.boot(), phase: machine.phase, definition: definition.xml)
            state.take(snapshot, readFrom: begun)
            let list = VolumeList(withSecrets(snapshot.volumes) { [] })
            let final = state
            try await write(record.name) { store throws(StorageError) in
                try store.save(list, of: record.name)
                try store.save(final, of: record.name)
            }
        } catch {
            throw await giveUp(record, definition, error.about(.pool, record.name.printable), undo)
        }
        return try recordUnderLock(of: record.name).status
    }

    private func activate(
        _ definition: PoolDefinition, with backend: any StorageBackend, until deadline: Deadline, undo: inout UndoList
    ) async throws(StorageError) -> any ActivePool {
        let context = context(until: deadline)
        let what = "the start of pool '\(definition.name.printable)'"
        let change = try await withDeadline(deadline, waitingFor: what) { () async throws(StorageError) in
            try await backend.activateAny(definition, in: context)
        } abandoned: { change in
            // It came up after nobody waited any more: the pool counts as inactive, so it must be.
            guard change.isChanged else { return }
            do throws(StorageError) {
                _ = try await change.value.deactivate(in: self.context(until: self.newDeadline()))
            } catch {
                configuration.logger.warning("\(what) ended late and can't be taken back: \(error.message), ignoring")
            }
        }
        let pool = change.value
        // What was active before us isn't ours to take down.
        if change.isChanged {
            undo.append { () async throws(StorageError) in
                try await deactivate(pool, of: definition.name, until: newDeadline())
            }
        }
        return pool
    }

    /// Takes a failed start back: the pool is inactive then, or failed where that didn't work either.
    private func giveUp(
        _ record: PoolRecord, _ definition: PoolDefinition, _ error: StorageError, _ undo: UndoList
    ) async -> StorageError {
        let (full, failures) = await undo.run(after: error)
        do throws(StorageError) {
            if failures.isEmpty {
                // What an earlier start left behind is still there where this one didn't get as far as to take it down.
                let before: LiveState? = if case .failed = record.phase, undo.isEmpty { record.state } else { nil }
                try await write(record.name) { store throws(StorageError) in
                    guard let before else { return try store.remove(record.name) }
                    try store.save(before, of: record.name)
                }
            } else {
                var machine = PoolStateMachine(.starting)
                try machine.apply(.startLeftBehind(([error] + failures).map { Problem($0) }))
                let state = LiveState(boot: try live.boot(), phase: machine.phase, definition: definition.xml)
                try await write(record.name) { store throws(StorageError) in try store.save(state, of: record.name) }
            }
            return full
        } catch {
            return full.adding(cause: error)
        }
    }
}
