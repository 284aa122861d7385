import SANEngine
import SANHost
import SANModel

/// An open device that was found to be a volume's, with what is needed to move its bytes.
struct BlockTarget: Sendable {
    let device: OpenBlockDevice
    /// The volume's name.
    let volume: String
    /// In bytes.
    let blockSize: Int
    let capacity: UInt64
    /// The most that the device discards at once, in bytes; 0 where it can't.
    var discardLimit: UInt64
    /// The unit's other paths, which nobody else can open for themselves meanwhile.
    private let others: [OpenBlockDevice]

    /// - Throws: `invalid_state` for a device without a size or with half a block at its end.
    init(
        _ device: OpenBlockDevice, of block: BlockDevice, volume: String, holding others: [OpenBlockDevice] = []
    ) throws(StorageError) {
        self.device = device
        self.others = others
        self.volume = volume
        blockSize = try device.blockSize()
        capacity = try device.capacity().bytes
        discardLimit = try block.folder["queue"].number("discard_max_bytes") ?? 0
        guard capacity > 0, capacity.isMultiple(of: UInt64(blockSize)) else {
            throw StorageError(
                .invalidState, "\(device.name) has \(capacity) bytes, which aren't whole blocks of \(blockSize)",
                subject: .device(device.name))
        }
    }

    /// The bytes of one read or write.
    private static let chunk = 1 << 20

    private var transfer: VolumeTransfer<DeviceAccess> {
        let geometry = TransferGeometry(
            blockSize: blockSize, capacity: capacity, chunk: max(BlockTarget.chunk, blockSize))
        return VolumeTransfer(DeviceAccess(device: device, geometry: geometry), geometry, named: volume)
    }

    // MARK: Verbs

    func upload(
        _ file: TransferEnd, _ request: TransferRequest, length: UInt64?, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await transfer.upload(file, request, length: length, in: context)
    }

    func download(
        to file: TransferEnd, _ request: TransferRequest, length: UInt64, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try await transfer.download(to: file, request, length: length, in: context)
    }

    /// - Throws: `unsupported` for `trim` on a device that can't give blocks back.
    func wipe(
        _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        guard discardLimit > 0 || !algorithm.passes.contains(.deallocation) else {
            throw StorageError(
                .unsupported, "'\(volume.printable)' can't give blocks back: wipe it with 'zero'",
                subject: .volume(volume.printable))
        }
        return try await transfer.wipe(algorithm, shownAs: device.name, in: context)
    }
}
