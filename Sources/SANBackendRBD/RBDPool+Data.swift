public import SANEngine
public import SANModel

/// Data goes through librbd, several requests at once. The image's id is compared with the one that was listed before the first byte moves,
/// and an image that somebody has open is not written; see ``OpenImage/claim(_:_:)``.
extension RBDPool: VolumeData {
    /// Writes a file or pipe to an image.
    ///
    /// With `isSparse` zeros are given back instead of being written.
    ///
    /// Ends with a flush. Where it ends early the message says how many bytes, from the first on, are safe. The source's file offset is left
    /// behind what was read.
    ///
    /// - Throws: `invalid_argument` for more bytes than there is room for, before anything is written where their number is known; `busy` with
    ///   who has the image open; `invalid_state` for another image of that name; `not_found`, `cancelled`, `timed_out`, `unavailable`,
    ///   `authentication_failed` for a passphrase that doesn't open an encrypted image, `permission_denied`, `backend_failure`, `host_failure`.
    public func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try TransferEnd(source)
        let length = transfer.length(of: file)
        let image = try await open(volume, isWriting: true, in: context) { capacity throws(StorageError) in
            _ = try transfer.length(of: file, within: transfer.room(in: volume.name, of: capacity), of: volume.name)
        }
        let summary = try await image.upload(file, transfer, length: length, in: context)
        file.leavePosition(after: summary.bytes.bytes)
        return summary
    }

    /// Reads an image into a file or pipe; others may use it meanwhile.
    ///
    /// An encrypted image is decrypted, but where no secret of it is known: then it is read as it is stored.
    /// With `isSparse` zeros become holes in a regular file, behind the end that it had. The sink's file offset is left behind what was written.
    ///
    /// - Throws: `invalid_argument` for a range outside the image, and as ``upload(_:to:_:in:)``.
    public func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try TransferEnd(sink)
        let image = try await open(volume, isWriting: false, in: context) { capacity throws(StorageError) in
            _ = try transfer.room(in: volume.name, of: capacity)
        }
        let length = transfer.length?.bytes ?? image.geometry.capacity - transfer.offset.bytes
        let summary = try await image.download(to: file, transfer, length: length, in: context)
        // Reading doesn't keep others from deleting or cutting it, and what is gone reads as zeros.
        let size = image.geometry.capacity
        try await withConnection(in: context.renewed, waitingFor: "the image '\(volume.name.printable)'") {
            connection throws(StorageError) in
            guard try OpenImage(volume, readOnly: true, connection).sizeAndOrder().size >= size else {
                throw StorageError(
                    .invalidState, "'\(volume.name.printable)' was cut while it was read: what was read isn't whole",
                    subject: .volume(volume.name.printable))
            }
        }
        file.leavePosition(after: length)
        return summary
    }

    /// Overwrites every byte of an image to the last.
    ///
    /// `trim` gives all objects back, after which they read as zeros; `zero` writes zeros that take space; the others write each pass through,
    /// one after the other. The header of an encrypted image is overwritten too, and with it goes its key. What the image's snapshots keep no overwriting reaches.
    ///
    /// - Throws: as ``upload(_:to:_:in:)``.
    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let image = try await open(volume, isWriting: true, isWhole: true, in: context) { _ in }
        return try await image.wipe(algorithm, shownAs: "'\(volume.name.printable)'", in: context)
    }

    // MARK: Below

    /// - Parameters:
    ///   - isWhole: as it is on the cluster, also where it is encrypted.
    ///   - check: is given the size in bytes, before anything is written.
    private func open(
        _ volume: Volume, isWriting: Bool, isWhole: Bool = false, in context: OperationContext,
        _ check: @escaping @Sendable (UInt64) throws(StorageError) -> Void
    ) async throws(StorageError) -> VolumeTransfer<ImageAccess> {
        let passphrase = isWhole ? nil : try await passphrase(of: volume, isWriting: isWriting, in: context)
        let isAsStored = isWhole || (passphrase == nil && volume.definition.target.encryption != nil)
        return try await withConnection(in: context, waitingFor: "the image '\(volume.name.printable)'") {
            connection throws(StorageError) in
            let image =
                isWriting
                ? try OpenImage.claim(volume, connection) : try OpenImage(volume, readOnly: true, connection)
            let capacity = isAsStored ? try image.sizeAndOrder().size : try image.unlock(passphrase)
            try check(capacity)
            return ImageAccess(image, isDecrypted: passphrase != nil).transfer(capacity: capacity)
        }
    }
}
