import SANEngine
import SANModel
import Synchronization
import SystemPackage

/// The storage behind the fake backend: shared by every run of a test, as a real target would be.
final class FakeStorage: Sendable {
    struct State {
        var isActive: Set<String> = []
        var volumes: [Volume] = []
        var contents: [String: [UInt8]] = [:]
        var snapshots: [VolumeSnapshot] = []
        var trash: [(entry: TrashedVolume, volume: Volume)] = []
        var problems: [Problem] = []
        var failure: StorageError?
        /// What a download finds before its first byte.
        var refusal: StorageError?
        /// A transfer stands still after its first report until it is cancelled.
        var isStuck = false
        /// The id of what is in the trash and isn't deleted until that is cancelled.
        var stuckEntry: String?
    }

    let state = Mutex(State())

    init(_ volumes: [Volume] = []) {
        state.withLock { $0.volumes = volumes }
    }
}

/// An iscsi-direct backend in memory.
struct FakeBackend: SourceDiscovery {
    static let type = PoolType.iscsiDirect
    let storage: FakeStorage

    func availability() async -> Availability { Availability(isAvailable: true, libraryVersion: "1.0") }

    func validate(_ definition: PoolDefinition) throws(StorageError) {}

    func adopt(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> FakePool? {
        storage.state.withLock { $0.isActive.contains(definition.name) }
            ? FakePool(name: definition.name, storage: storage) : nil
    }

    func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<FakePool> {
        if let failure = storage.state.withLock({ $0.failure }) { throw failure }
        storage.state.withLock { _ = $0.isActive.insert(definition.name) }
        return .changed(FakePool(name: definition.name, storage: storage))
    }

    func discoverSources(
        _ query: PoolSource, in context: OperationContext
    ) async throws(StorageError) -> [PoolSource] {
        var source = query
        source.devices = [PoolSource.Device(path: "iqn.2013-06.com.example:found")]
        source.authentication = nil
        return [source]
    }
}

struct FakePool: VolumeData, VolumeInspection {
    let name: String
    let storage: FakeStorage

    func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        storage.state.withLock { state in
            let size = state.volumes.reduce(0) { $0 + ($1.definition.capacity?.bytes ?? 0) }
            return PoolSnapshot(
                capacity: ByteCount(size), allocation: ByteCount(size), volumes: state.volumes, problems: state.problems
            )
        }
    }

    func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        storage.state.withLock { _ = $0.isActive.remove(name) }
        return .changed(())
    }

    func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        guard let found = storage.state.withLock({ $0.volumes.first { $0.name == volume.name } }) else {
            throw StorageError(.notFound, "The volume is gone")
        }
        return found
    }

    func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        do {
            let count = try bytes.withUnsafeMutableBytes { try source.descriptor.read(into: $0) }
            bytes.removeSubrange(count...)
        } catch {
            throw StorageError(.hostFailure, "\(error)")
        }
        try await report(bytes.count, context)
        storage.state.withLock { [bytes] in $0.contents[volume.name] = bytes }
        return TransferSummary(bytes: ByteCount(UInt64(bytes.count)), moved: ByteCount(UInt64(bytes.count)))
    }

    func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        if transfer.length == 0 {
            // A look before the first byte.
            if let refusal = storage.state.withLock({ $0.refusal }) { throw refusal }
            return TransferSummary(bytes: 0, moved: 0)
        }
        let bytes = storage.state.withLock { $0.contents[volume.name] ?? [] }
        do {
            _ = try sink.descriptor.writeAll(bytes)
        } catch {
            throw StorageError(.hostFailure, "\(error)")
        }
        try await report(bytes.count, context)
        if let failure = storage.state.withLock({ $0.failure }) { throw failure }
        return TransferSummary(bytes: ByteCount(UInt64(bytes.count)), moved: ByteCount(UInt64(bytes.count)))
    }

    func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await report(Int(volume.definition.capacity?.bytes ?? 0), context)
        return TransferSummary(bytes: volume.definition.capacity ?? 0, moved: volume.definition.capacity ?? 0)
    }

    private func report(_ total: Int, _ context: OperationContext) async throws(StorageError) {
        context.progress.report(done: ByteCount(UInt64(total / 2)), total: ByteCount(UInt64(total)))
        if storage.state.withLock({ $0.isStuck }) {
            do {
                try await Task.sleep(for: .seconds(3600))
            } catch {
                throw StorageError(.cancelled, "Cancelled; the first \(total / 2) bytes are safe")
            }
        }
        context.progress.report(done: ByteCount(UInt64(total)), total: ByteCount(UInt64(total)))
    }
}
