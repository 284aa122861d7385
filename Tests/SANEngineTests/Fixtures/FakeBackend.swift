import SANEngine
import SANModel

/// A backend that can do everything, for `dir` pools.
struct FakeBackend: StorageBackend, PoolBuilding, SourceDiscovery {
    static let type = PoolType.directory
    let storage: FakeStorage

    func availability() async -> Availability {
        do throws(StorageError) {
            try await storage.perform(.availability)
            return Availability(isAvailable: true)
        } catch {
            return Availability(isAvailable: false, reason: "the fake is missing", package: "fake-utils")
        }
    }

    func validate(_ definition: PoolDefinition) throws(StorageError) {
        try storage.validate()
    }

    func adopt(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> FakePool? {
        try await storage.perform(.adopt)
        return storage.isActive(definition.name) ? FakePool(name: definition.name, storage: storage) : nil
    }

    func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<FakePool> {
        try await storage.perform(.activate)
        let pool = FakePool(name: definition.name, storage: storage)
        if storage.activationIsUnchanged { return .unchanged(pool) }
        storage.setActive(definition.name, true)
        return .changed(pool)
    }

    func build(
        _ definition: PoolDefinition, mode: BuildMode, in context: OperationContext
    ) async throws(StorageError) -> Change<Void> {
        try await storage.perform(.build)
        return .changed(())
    }

    func delete(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> Change<Void> {
        try await storage.perform(.delete)
        return .changed(())
    }

    func discoverSources(
        _ query: PoolSource, in context: OperationContext
    ) async throws(StorageError) -> [PoolSource] {
        try await storage.perform(.discover)
        return [query]
    }
}

struct FakePool: VolumeEncryption, VolumeData, VolumeInspection {
    let name: String
    let storage: FakeStorage

    func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let volumes = storage.volumes(name)
        try await storage.perform(.refresh)
        return PoolSnapshot(
            capacity: 1000, allocation: 400, available: 600, volumes: volumes, problems: storage.problems)
    }

    func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        try await storage.perform(.deactivate)
        storage.setActive(name, false)
        return .changed(())
    }

    func remains(in context: OperationContext) async throws(StorageError) -> String? {
        try await storage.perform(.remains)
        return storage.isActive(name) ? "The fake device of '\(name)' stays" : nil
    }

    func path(ofNew name: String) -> String { "/srv/path/\(name)" }

    func createVolume(
        _ request: VolumeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        try await storage.perform(.create)
        var volume = Volume(request.definition)
        if volume.definition.target.encryption != nil {
            // As a header tells it.
            volume.definition.target.path = path(ofNew: volume.name)
            volume.definition.target.encryption = EncryptionDefinition(format: .luks)
            volume.file = FileIdentity(device: nil, inode: UInt64(storage.calls.count), handle: nil, birth: nil)
        }
        storage.setVolumes(name, storage.volumes(name) + [volume])
        return .changed(volume)
    }

    func resizeVolume(
        _ volume: Volume, to request: ResizeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        try await storage.perform(.resize)
        var volume = volume
        volume.definition.capacity = request.capacity
        return .changed(volume)
    }

    func deleteVolume(
        _ volume: Volume, deletingSnapshots: Bool, in context: OperationContext
    ) async throws(StorageError) -> Change<Void> {
        try await storage.perform(.deleteVolume)
        storage.setVolumes(name, storage.volumes(name).filter { $0.name != volume.name })
        return .changed(())
    }

    func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await storage.perform(.upload)
        return TransferSummary(bytes: 1, moved: 1)
    }

    func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await storage.perform(.download)
        return TransferSummary(bytes: 1, moved: 1)
    }

    func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await storage.perform(.wipe)
        return TransferSummary(bytes: 1, moved: 1)
    }

    func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        try await storage.perform(.inspect)
        guard storage.volumes(name).contains(where: { $0.name == volume.name }) else {
            throw StorageError(.notFound, "There is no '\(volume.name)'")
        }
        var volume = volume
        volume.definition.allocation = 77
        return volume
    }
}

/// A backend that can only list, for `mpath` pools.
struct BareBackend: StorageBackend {
    static let type = PoolType.multipath

    struct Pool: ActivePool {
        func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
            PoolSnapshot(volumes: [Volume(VolumeDefinition(name: "dm-0", capacity: 10))])
        }

        func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> { .unchanged(()) }
    }

    func availability() async -> Availability { Availability(isAvailable: true) }
    func validate(_ definition: PoolDefinition) throws(StorageError) {}
    func adopt(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> Pool? {
        Pool()
    }
    func activate(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> Change<Pool>
    {
        .unchanged(Pool())
    }
}
