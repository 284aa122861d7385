import SANEngine
import SANModel

/// Snapshots in memory: one that is protected has a clone.
extension FakePool: VolumeSnapshots {
    func snapshots(of volume: Volume, in context: OperationContext) async throws(StorageError) -> [VolumeSnapshot] {
        storage.state.withLock { $0.snapshots }
    }

    func createSnapshot(
        _ name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> VolumeSnapshot {
        storage.state.withLock { state in
            let made = VolumeSnapshot(
                name: name, id: UInt64(state.snapshots.count + 1), capacity: volume.definition.capacity ?? 0,
                isProtected: false, createdAt: Timestamp(seconds: 1_700_000_000))
            state.snapshots.append(made)
            return made
        }
    }

    func deleteSnapshot(
        _ name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> VolumeSnapshot {
        let found = try find(name)
        storage.state.withLock { $0.snapshots.removeAll { $0.name == name } }
        return found
    }

    func setProtection(
        _ isProtected: Bool, ofSnapshot name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> Change<VolumeSnapshot> {
        var found = try find(name)
        guard found.isProtected != isProtected else { return .unchanged(found) }
        found.isProtected = isProtected
        found.clones = isProtected ? ["pool/clone"] : []
        storage.state.withLock { [found] state in state.snapshots = state.snapshots.map { $0.name == name ? found : $0 }
        }
        return .changed(found)
    }

    func rollBack(
        _ volume: Volume, to snapshot: String, in context: OperationContext
    ) async throws(StorageError) -> Volume {
        _ = try find(snapshot)
        return volume
    }

    func flatten(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Change<Volume> {
        .unchanged(volume)
    }

    private func find(_ name: String) throws(StorageError) -> VolumeSnapshot {
        guard let found = storage.state.withLock({ $0.snapshots.first { $0.name == name } }) else {
            throw StorageError(.notFound, "There is no snapshot '\(name)'")
        }
        return found
    }
}
