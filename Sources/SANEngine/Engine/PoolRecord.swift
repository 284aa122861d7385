import SANHost
import SANModel
import SANXML

/// Everything that the files say of one pool.
struct PoolRecord: Sendable {
    var name: String
    /// Nil for a transient pool.
    var stored: StoredDefinition<PoolDefinition>?
    var isAutostarted: Bool
    /// What this boot did with it.
    var state: LiveState?
    /// The document of `state`.
    var liveDefinition: PoolDefinition?
    /// Where the state can't be read.
    var damage: Problem?
    /// Whether the process that was starting or stopping it is gone.
    var isInterrupted = false

    var isPersistent: Bool { stored != nil }
    var exists: Bool { stored != nil || state != nil || damage != nil }

    /// The definition in effect.
    var definition: PoolDefinition? { liveDefinition ?? stored?.definition }

    var phase: PoolPhase {
        if let damage { return .failed([damage]) }
        guard let state, !isInterrupted else { return .inactive }
        return state.phase
    }

    /// - Throws: what is wrong with the definition where there is none to use.
    func usableDefinition() throws(StorageError) -> PoolDefinition {
        if let definition { return definition }
        throw stored?.error ?? StorageError.noPool(named: name)
    }

    var status: PoolStatus {
        let isActive = phase.state.isActive
        var problems = phase.problems
        if let error = stored?.error { problems.append(Problem(error)) }
        if isInterrupted, let state { problems.append(interruption(state)) }
        return PoolStatus(
            definition: definition, name: name, state: phase.state, isPersistent: isPersistent,
            isAutostarted: isAutostarted, capacity: isActive ? state?.capacity : nil,
            allocation: isActive ? state?.allocation : nil, available: isActive ? state?.available : nil,
            volumeCount: isActive ? state?.volumeCount : nil, trashCount: isActive ? state?.trashCount : nil,
            problems: problems,
            refreshedAt: isActive ? state?.refreshedAt : nil)
    }

    private func interruption(_ state: LiveState) -> Problem {
        let verb = state.phase.state == .stopping ? "stop" : "start"
        return Problem(
            code: .invalidState,
            message:
                "The last \(verb) was interrupted and may have left something on the host; start the pool, or stop it",
            subject: .pool(name.printable))
    }
}

extension StorageError {
    static func noPool(named reference: String) -> StorageError {
        StorageError(
            .notFound,
            "No storage pool with matching name '\(reference.printable)'; 'sanctl pool list --all' shows what there is",
            subject: .pool(reference.printable))
    }
}

extension StorageEngine {
    /// What the files say of a pool now; takes no lock that anybody holds for long.
    func record(of name: String) throws(StorageError) -> PoolRecord {
        let record = try readRecord(of: name)
        guard let state = record.state?.phase.state, state == .starting || state == .stopping,
            let look = locks.lookAtLifeCycle(ofPool: name)
        else { return record }
        defer { look.release() }
        // Nobody is at work on it, and nobody can begin now: what it says now is what was left.
        var settled = try readRecord(of: name)
        if let state = settled.state?.phase.state { settled.isInterrupted = state == .starting || state == .stopping }
        return settled
    }

    /// The same for who holds the life-cycle lock exclusively: a start or stop that it finds was interrupted.
    func recordUnderLock(of name: String) throws(StorageError) -> PoolRecord {
        var record = try readRecord(of: name)
        if let state = record.state?.phase.state { record.isInterrupted = state == .starting || state == .stopping }
        return record
    }

    /// Every pool, sorted by name the way people count.
    func records() throws(StorageError) -> [PoolRecord] {
        let names = Set(try definitions.names()).union(try live.names())
        var records: [PoolRecord] = []
        for name in names.sorted(by: { $0.precedesNaturally($1) }) {
            let record = try record(of: name)
            if record.exists { records.append(record) }
        }
        return records
    }

    /// The pool of a name or UUID.
    ///
    /// - Throws: `not_found`.
    func resolve(_ reference: String) throws(StorageError) -> PoolRecord {
        do throws(StorageError) {
            try PoolValidation.check(name: reference)
        } catch {
            // What can't be a name is nobody's name.
            throw StorageError.noPool(named: reference)
        }
        let record = try record(of: reference)
        if record.exists { return record }
        if let uuid = StorageUUID(reference) {
            if let match = try records().first(where: {
                $0.definition?.uuid == uuid || $0.stored?.definition?.uuid == uuid
            }) {
                return match
            }
            throw StorageError(
                .notFound,
                "No storage pool with matching uuid '\(uuid)'; 'sanctl pool list --all' shows what there is",
                subject: .pool(uuid.description))
        }
        throw StorageError.noPool(named: reference)
    }

    private func readRecord(of name: String) throws(StorageError) -> PoolRecord {
        var record = PoolRecord(
            name: name, stored: try definitions.load(name), isAutostarted: try definitions.isAutostarted(name))
        switch try live.load(name) {
        case .nothing: break
        case .damaged(let problem): record.damage = problem
        case .state(let state):
            record.state = state
            do throws(StorageError) {
                record.liveDefinition = try PoolDefinition(xml: Array(state.definition.utf8))
            } catch {
                record.damage = Problem(error.about(.pool, name.printable))
            }
        }
        return record
    }
}
