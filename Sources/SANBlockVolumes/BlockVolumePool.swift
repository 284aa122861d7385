public import SANEngine
public import SANModel

/// A pool whose volumes are block devices of this host: their bytes are moved in the same way, whatever brought the devices.
public protocol BlockVolumePool: VolumeData {
    var volumes: BlockVolumes { get }
}

extension BlockVolumePool {
    public func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await volumes.upload(source, to: volume, transfer, in: context)
    }

    public func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await volumes.download(volume, to: sink, transfer, in: context)
    }

    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await volumes.wipe(volume, algorithm, in: context)
    }
}
