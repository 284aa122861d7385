public import SANEngine
import SANImages
public import SANModel

/// A folder whose files are volumes.
public struct DirectoryPool: VolumeInspection, VolumeEncryption, VolumeData, FileVolumePool {
    let files: FileVolumes

    public func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        try await files.list(in: context)
    }

    /// Activation did nothing to the host, so there is nothing to undo.
    public func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        .unchanged(())
    }

    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        try await files.inspect(volume, in: context)
    }

    public func path(ofNew name: String) -> String { files.path(ofNew: name) }

    public func createVolume(
        _ request: VolumeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        .changed(try await files.create(request, in: context))
    }

    public func resizeVolume(
        _ volume: Volume, to request: ResizeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        try await files.resize(volume, to: request, in: context)
    }

    /// Snapshots inside of a qcow2 file go with it.
    public func deleteVolume(
        _ volume: Volume, deletingSnapshots: Bool, in context: OperationContext
    ) async throws(StorageError) -> Change<Void> {
        try await files.delete(volume, in: context)
    }

    public func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await files.upload(source, to: volume, transfer, in: context)
    }

    public func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await files.download(volume, to: sink, transfer, in: context)
    }

    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await files.wipe(volume, algorithm, in: context)
    }
}

extension DirectoryPool: ImageFilePool {
    package func readSteadily<Value: Sendable>(
        _ volume: Volume, in context: OperationContext, _ read: () async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try await files.readSteadily(volume, in: context, read)
    }
}
