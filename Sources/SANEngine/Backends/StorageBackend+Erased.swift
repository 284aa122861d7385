import SANModel

// The backends without their associated types, for who holds `any StorageBackend`.
extension StorageBackend {
    func adoptAny(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> (any ActivePool)? {
        try await adopt(definition, in: context)
    }

    func activateAny(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<any ActivePool> {
        switch try await activate(definition, in: context) {
        case .changed(let pool): .changed(pool)
        case .unchanged(let pool): .unchanged(pool)
        }
    }

    /// The verbs that the conformances stand for, sorted.
    var operations: [String] {
        var verbs = ["refresh", "start", "stop", "volume-list"]
        if self is any SourceDiscovery { verbs.append("find-sources") }
        if self is any PoolBuilding { verbs += ["build", "delete"] }
        if Pool.self is any VolumeProvisioning.Type {
            verbs += ["volume-clone", "volume-create", "volume-create-from", "volume-delete", "volume-resize"]
        }
        if Pool.self is any VolumeData.Type { verbs += ["volume-download", "volume-upload", "volume-wipe"] }
        if Pool.self is any VolumeInspection.Type { verbs.append("volume-info") }
        if Pool.self is any VolumeSnapshots.Type {
            verbs += ["create", "delete", "list", "protect", "rollback", "unprotect"].map { "volume-snapshot-" + $0 }
            verbs.append("volume-flatten")
        }
        if Pool.self is any VolumeTrash.Type {
            verbs += ["list", "move", "purge", "restore"].map { "volume-trash-" + $0 }
        }
        return verbs.sorted()
    }
}
