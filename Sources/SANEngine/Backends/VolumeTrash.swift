public import SANModel

/// A pool whose volumes can be deleted for the time being.
public protocol VolumeTrash: ActivePool {
    /// - Returns: what is there, by name.
    func trash(in context: OperationContext) async throws(StorageError) -> [TrashedVolume]

    /// - Parameter time: how long it isn't to be purged.
    /// - Throws: `busy` with who has it open.
    func moveToTrash(
        _ volume: Volume, keeping time: Duration, in context: OperationContext
    ) async throws(StorageError) -> TrashedVolume

    /// - Parameter name: what the volume is to be called.
    /// - Throws: `not_found`, `already_exists`.
    func restore(
        _ trashed: TrashedVolume, as name: String, in context: OperationContext
    ) async throws(StorageError) -> Volume

    /// Deletes it, and its data.
    ///
    /// - Parameter isForced: also before its time.
    /// - Throws: `not_found`; `busy` for one that is still kept, and for one with snapshots or clones.
    func purge(
        _ trashed: TrashedVolume, isForced: Bool, in context: OperationContext
    ) async throws(StorageError)
}
