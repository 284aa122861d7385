public import SANEngine
import SANHost
public import SANModel

/// What `VolumeData` asks for, for pools of block devices.
///
/// The device's identity is checked on the open descriptor before the first byte moves: what it says of itself now is compared with what the
/// kernel read, and with what was listed. A LUN that has a multipath map is reached through the map, and where it has several paths and no map,
/// nobody may use any of them while it is written.
extension BlockVolumes {
    /// Writes a file or pipe to a volume, by direct I/O with several requests under way.
    ///
    /// Nobody else may use the device, or anything that stands on it. Ends with a flush. Where it ends early the message says how many bytes,
    /// from the first on, are safe. The source's file offset is left behind what was read.
    ///
    /// - Throws: `invalid_argument` for more bytes than there is room for, before anything is written where their number is known; `busy` with
    ///   who uses it; `not_found` for a device that vanished; `invalid_state` for another unit, and for one whose WWID another unit has too;
    ///   `cancelled`, `timed_out`, `unavailable`, `permission_denied`, `backend_failure`, `host_failure`.
    public func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try TransferEnd(source)
        let length = try transfer.length(of: file, within: transfer.room(inUnit: volume), of: volume.name)
        let target = try await open(volume, .exclusiveWrite, in: context)
        try target.refuse(file)
        let summary = try await target.upload(file, transfer, length: length, in: context)
        file.leavePosition(after: summary.bytes.bytes)
        return summary
    }

    /// Reads a volume into a file or pipe; others may use it meanwhile.
    ///
    /// With `isSparse` zeros become holes in a regular file, behind the end that it had. The sink's file offset is left behind what was written.
    ///
    /// - Throws: `invalid_argument` for a range outside the volume, and as ``upload(_:to:_:in:)``.
    public func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try TransferEnd(sink)
        let room = try transfer.room(inUnit: volume)
        let length = transfer.length?.bytes ?? room
        let target = try await open(volume, .read, in: context)
        try target.refuse(file)
        let summary = try await target.download(to: file, transfer, length: length, in: context)
        file.leavePosition(after: length)
        return summary
    }

    /// Overwrites every block of a volume to the last.
    ///
    /// `zero` has the device write zeros itself where it can (`BLKZEROOUT`); `trim` gives all blocks back (`BLKDISCARD`); the others write each
    /// pass through, one after the other. What a storage array keeps behind the LUN (snapshots, spare flash) no overwriting reaches.
    ///
    /// - Throws: `unsupported` for `trim` on a device that can't discard, and as ``upload(_:to:_:in:)``.
    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        _ = try TransferRequest().room(inUnit: volume)
        return try await open(volume, .exclusiveWrite, in: context).wipe(algorithm, in: context)
    }

    /// The volume's device, found to be the volume's.
    private func open(
        _ volume: Volume, _ access: OpenBlockDevice.Access, in context: OperationContext
    ) async throws(StorageError) -> BlockTarget {
        let opening = VolumeOpening(host: host, volume: volume, access: access, deadline: context.deadline)
        return try await withBlockingThread(
            named: "san-block-open", until: context.deadline,
            waitingFor: "the device of '\(volume.name.printable)', which may have lost its paths"
        ) { () throws(StorageError) in try opening.open() }
    }
}

extension BlockTarget {
    /// - Throws: `invalid_argument` for the volume's own device as the other end.
    fileprivate func refuse(_ end: TransferEnd) throws(StorageError) {
        guard end.device == device.number else { return }
        throw StorageError(
            .invalidArgument, "'\(end.name)' is '\(volume.printable)' itself", subject: .volume(volume.printable))
    }
}
