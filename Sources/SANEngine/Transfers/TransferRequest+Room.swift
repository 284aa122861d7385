import SANModel

/// How much of a volume a transfer is about.
extension TransferRequest {
    /// How many bytes a volume has from the offset on.
    ///
    /// - Parameter capacity: the volume's, in bytes.
    /// - Throws: `invalid_argument` for a range that leaves the volume.
    package func room(in name: String, of capacity: UInt64) throws(StorageError) -> UInt64 {
        let end = offset.adding(length ?? 0)?.bytes ?? .max
        guard offset.bytes <= capacity, end <= capacity else {
            throw StorageError(
                .invalidArgument,
                "The range from \(offset) on leaves '\(name.printable)', which has \(capacity) bytes",
                subject: .volume(name.printable))
        }
        return capacity - offset.bytes
    }

    /// The same for a LUN, by the size that it was listed with.
    ///
    /// - Throws: `invalid_state` for one that is no disk.
    package func room(inUnit volume: Volume) throws(StorageError) -> UInt64 {
        guard volume.unit?.deviceType == .disk, let capacity = volume.definition.capacity?.bytes, capacity > 0 else {
            throw StorageError(
                .invalidState, "'\(volume.name.printable)' isn't a disk whose size is known",
                subject: .volume(volume.name.printable))
        }
        return try room(in: volume.name, of: capacity)
    }

    /// How many bytes of a file an upload writes; nil for a pipe that is read to its end.
    package func length(of file: TransferEnd) -> UInt64? {
        file.remaining.map { min($0, length?.bytes ?? .max) } ?? length?.bytes
    }

    /// The same, where the volume has room for them.
    ///
    /// - Throws: `invalid_argument`, before anything is written.
    package func length(of file: TransferEnd, within room: UInt64, of name: String) throws(StorageError) -> UInt64? {
        let length = length(of: file)
        if let length, length > room {
            throw StorageError(
                .invalidArgument,
                "'\(file.name)' has \(length) bytes and '\(name.printable)' has room for \(room): nothing was written",
                subject: .volume(name.printable))
        }
        return length
    }
}
