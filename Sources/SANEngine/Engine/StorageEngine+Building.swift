public import SANModel

extension StorageEngine {
    /// Makes the pool's storage: a folder, a volume group, a label.
    ///
    /// - Throws: `not_found`, `invalid_state` for an active pool, `unsupported` for a type that has nothing to build.
    public func buildPool(
        _ reference: String, mode: BuildMode = .normal
    ) async throws(StorageError) -> Change<PoolStatus> {
        let deadline = newDeadline()
        let (lock, record) = try await hold(reference, .exclusive, for: .build, until: deadline)
        defer { lock.release() }
        let definition = try record.usableDefinition()
        let backend = try await availableBackend(of: definition.type, until: deadline)
        return try await build(definition, mode: mode, with: backend, until: deadline).map { record.status }
    }

    @discardableResult
    func build(
        _ definition: PoolDefinition, mode: BuildMode, with backend: any StorageBackend, until deadline: Deadline
    ) async throws(StorageError) -> Change<Void> {
        guard let backend = backend as? any PoolBuilding else {
            throw StorageError.unsupported("pool building", pool: definition.name, type: definition.type)
        }
        let context = context(until: deadline)
        return try await withDeadline(deadline, waitingFor: "the build of pool '\(definition.name.printable)'") {
            () async throws(StorageError) in try await backend.build(definition, mode: mode, in: context)
        }
    }

    /// Destroys the pool's storage; its definition stays.
    ///
    /// - Throws: `not_found`, `invalid_state` for an active pool, `unsupported`.
    public func deletePool(_ reference: String) async throws(StorageError) -> Change<PoolStatus> {
        let deadline = newDeadline()
        let (lock, record) = try await hold(reference, .exclusive, for: .delete, until: deadline)
        defer { lock.release() }
        let definition = try record.usableDefinition()
        guard
            let backend = try await availableBackend(of: definition.type, until: deadline) as? any PoolBuilding
        else { throw StorageError.unsupported("pool deletion", pool: definition.name, type: definition.type) }
        let context = context(until: deadline)
        let change = try await withDeadline(
            deadline, waitingFor: "the deletion of pool '\(definition.name.printable)'"
        ) { () async throws(StorageError) in try await backend.delete(definition, in: context) }
        return change.map { record.status }
    }
}

extension StorageError {
    /// The refusal of what pools of a type can't do.
    static func unsupported(_ operation: String, pool: String, type: PoolType?) -> StorageError {
        let type = type.map { " of type '\($0)'" } ?? ""
        return StorageError(
            .unsupported,
            "Storage pool '\(pool.printable)'\(type) does not support \(operation); "
                + "'sanctl pool capabilities' shows what each type can do",
            subject: .pool(pool.printable))
    }
}
