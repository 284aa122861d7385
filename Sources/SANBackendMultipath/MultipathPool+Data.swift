public import SANEngine
public import SANModel

// The bytes of the maps; each is found again by its WWID, and every path of it is asked before the first byte.
extension MultipathPool: VolumeData {
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
