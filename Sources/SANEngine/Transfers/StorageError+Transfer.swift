import SANModel

extension StorageError {
    /// The error of an upload that ended early, with how much of it was done.
    package func saying(safe bytes: UInt64) -> StorageError {
        var copy = self
        copy.message += "; the first \(bytes) bytes are safe on the volume"
        return copy
    }
}
