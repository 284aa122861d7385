import SANEngine
import SANModel

/// A trash in memory; everything is deleted at the same moment.
extension FakePool: VolumeTrash {
    func trash(in context: OperationContext) async throws(StorageError) -> [TrashedVolume] {
        storage.state.withLock { $0.trash.map(\.entry) }
    }

    func moveToTrash(
        _ volume: Volume, keeping time: Duration, in context: OperationContext
    ) async throws(StorageError) -> TrashedVolume {
        storage.state.withLock { state in
            var entry = TrashedVolume(id: "id\(state.trash.count + 1)", name: volume.name)
            entry.capacity = volume.definition.capacity
            entry.deletedAt = Timestamp(seconds: 1_700_000_000)
            entry.keptUntil = Timestamp(seconds: 1_700_000_000 + time.components.seconds)
            entry.source = "user"
            state.volumes.removeAll { $0.name == volume.name }
            state.trash.append((entry, volume))
            return entry
        }
    }

    func restore(
        _ trashed: TrashedVolume, as name: String, in context: OperationContext
    ) async throws(StorageError) -> Volume {
        let found = storage.state.withLock { state in
            let found = state.trash.first { $0.entry.id == trashed.id }?.volume
            state.trash.removeAll { $0.entry.id == trashed.id }
            state.volumes += found.map { [$0] } ?? []
            return found
        }
        guard let found else { throw StorageError(.notFound, "It is gone") }
        return found
    }

    func purge(_ trashed: TrashedVolume, isForced: Bool, in context: OperationContext) async throws(StorageError) {
        if let failure = storage.state.withLock({ $0.failure }) { throw failure }
        if storage.state.withLock({ $0.stuckEntry == trashed.id }) {
            do {
                try await Task.sleep(for: .seconds(3600))
            } catch {
                throw StorageError(.cancelled, "It is deleted in part")
            }
        }
        storage.state.withLock { $0.trash.removeAll { $0.entry.id == trashed.id } }
    }
}
