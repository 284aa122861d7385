public import SANModel

/// A pool whose volumes have snapshots.
public protocol VolumeSnapshots: ActivePool {
    /// - Returns: the users' own, the oldest first.
    func snapshots(of volume: Volume, in context: OperationContext) async throws(StorageError) -> [VolumeSnapshot]

    /// - Throws: `already_exists`.
    func createSnapshot(
        _ name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> VolumeSnapshot

    /// - Returns: the snapshot that is gone.
    /// - Throws: `not_found`; `busy` with the clones that stand on it; `invalid_state` for one that is protected.
    func deleteSnapshot(
        _ name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> VolumeSnapshot

    /// Protects a snapshot from being deleted, or takes that back.
    ///
    /// - Throws: `not_found`; `busy` with the clones that stand on it.
    func setProtection(
        _ isProtected: Bool, ofSnapshot name: String, of volume: Volume, in context: OperationContext
    ) async throws(StorageError) -> Change<VolumeSnapshot>

    /// Makes the volume what it was at its snapshot, as large as it was then.
    ///
    /// - Throws: `not_found`; `busy` with who has the volume open.
    func rollBack(
        _ volume: Volume, to snapshot: String, in context: OperationContext
    ) async throws(StorageError) -> Volume

    /// Gives a clone all data of its own, so that it stands on nothing.
    func flatten(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Change<Volume>
}
