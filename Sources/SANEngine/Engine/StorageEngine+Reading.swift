public import SANModel

// What is answered at once, from files, whatever the storage does.
extension StorageEngine {
    /// The pools that pass the filter, sorted by name the way people count.
    ///
    /// A definition that can't be read is listed as a broken pool.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func pools(_ filter: PoolFilter = PoolFilter()) async throws(StorageError) -> [PoolStatus] {
        try records().map(\.status).filter { filter.passes($0) }
    }

    /// - Throws: `not_found`.
    public func pool(_ reference: String) async throws(StorageError) -> PoolStatus {
        try resolve(reference).status
    }

    /// The document of a pool, with capacities and permissions as of the last refresh while it runs.
    ///
    /// - Parameter inactive: asks for the stored one, which may have been changed since the pool was started.
    /// - Throws: `not_found`; `malformed_definition` with line and column for a broken definition.
    public func definition(
        ofPool reference: String, inactive: Bool = false
    ) async throws(StorageError) -> PoolDefinition {
        let record = try resolve(reference)
        if inactive, let stored = record.stored {
            if let error = stored.error { throw error }
            if let definition = stored.definition { return definition }
        }
        var definition = try record.usableDefinition()
        guard record.phase.state.isActive, !inactive, let state = record.state else { return definition }
        definition.capacity = state.capacity
        definition.allocation = state.allocation
        definition.available = state.available
        if let permissions = state.permissions, definition.target != nil {
            definition.target?.permissions = permissions
        }
        return definition
    }

    /// The volumes as the last refresh saw them, sorted by name the way people count.
    ///
    /// - Throws: `not_found`, `invalid_state` for a pool that isn't active.
    public func volumes(
        ofPool reference: String
    ) async throws(StorageError) -> (status: PoolStatus, volumes: [Volume]) {
        let record = try resolve(reference)
        _ = try PoolCommand.use.judge(
            pool: record.name, state: record.phase.state, isPersistent: record.isPersistent)
        var status = record.status
        do throws(StorageError) {
            return (status, try listedVolumes(of: record.name))
        } catch {
            status.problems.append(Problem(error))
            return (status, [])
        }
    }

    /// What the last refresh of an active pool wrote.
    ///
    /// - Throws: `invalid_state` where there is no list that this version can read, `host_failure` where it is damaged.
    func listedVolumes(of name: String) throws(StorageError) -> [Volume] {
        if let list = try live.volumes(of: name) { return list.volumes }
        throw StorageError(
            .invalidState,
            "This version of sanctl hasn't read the volumes of pool '\(name.printable)' yet: refresh the pool",
            subject: .pool(name.printable))
    }
}

extension PoolFilter {
    fileprivate func passes(_ status: PoolStatus) -> Bool {
        if let isActive, isActive != status.state.isActive { return false }
        if let isPersistent, isPersistent != status.isPersistent { return false }
        if let isAutostarted, isAutostarted != status.isAutostarted { return false }
        guard let types else { return true }
        // The type of a broken definition isn't known: it is shown rather than hidden.
        return status.definition.map { types.contains($0.type) } ?? true
    }
}
