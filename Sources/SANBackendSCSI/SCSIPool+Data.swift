public import SANEngine
public import SANModel

// The bytes of the volumes, as for every pool of block devices.
extension SCSIPool: VolumeData {
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
