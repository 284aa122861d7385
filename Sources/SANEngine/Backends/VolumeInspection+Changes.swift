import SANModel

extension VolumeInspection {
    /// Looks at what has just been changed, whoever is cancelled meanwhile.
    ///
    /// - Parameter done: `resized`.
    /// - Throws: what inspecting throws, and that it was done all the same: whoever takes that for undone does it twice.
    package func inspect(
        _ volume: Volume, after done: String, in context: OperationContext
    ) async throws(StorageError) -> Volume {
        do throws(StorageError) {
            return try await shielded { () async throws(StorageError) in
                try await inspect(volume, in: context.renewed)
            }
        } catch {
            let shown = volume.name.printable
            throw error.adding(
                cause: StorageError(
                    .invalidState, "'\(shown)' was \(done) before that: refresh the pool", subject: .volume(shown)))
        }
    }
}
