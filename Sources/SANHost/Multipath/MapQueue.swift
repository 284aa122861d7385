import SANModel
import Synchronization

/// The requests that wait in a map without paths: ended for its removal, and taken back where it stays.
final class MapQueue: Sendable {
    private let uuid: String
    private let name: String
    private let mapper: any DeviceMapperAccess
    private let daemon: MultipathDaemon
    private let isEnded = Mutex(false)

    /// For taking back, which must not depend on how much time the removal had.
    private static let patience: Duration = .seconds(5)

    init(uuid: String, name: String, mapper: any DeviceMapperAccess, daemon: MultipathDaemon) {
        self.uuid = uuid
        self.name = name
        self.mapper = mapper
        self.daemon = daemon
    }

    /// Lets requests fail instead of wait, where no path is left for them.
    func end(of map: MappedDevice, until deadline: Deadline) async throws(StorageError) {
        guard let table = map.table.first, let status = map.status.first, map.table.count == 1 else { return }
        let target = try MultipathTarget(table: table.parameters, status: status.parameters)
        guard target.queuesWithoutPaths, !target.paths.contains(where: \.isActive) else { return }
        isEnded.withLock { $0 = true }
        // multipathd would begin to queue again if it weren't told.
        if try await daemon.perform(.disableQueueing, onMap: name, until: deadline) == true { return }
        _ = try await mapper.send(message: "fail_if_no_path", toUUID: uuid, until: deadline)
    }

    /// Leaves a map that couldn't be removed as it was.
    ///
    /// - Returns: the error, with what couldn't be taken back among its causes.
    func restore(after error: StorageError, wasSuspended: Bool) async -> StorageError {
        // A task of its own: the caller's cancellation must not leave a map suspended (L42).
        await Task {
            var error = error
            do throws(StorageError) {
                let deadline = Deadline.after(MapQueue.patience)
                guard let map = try await mapper.device(uuid: uuid, until: deadline) else { return error }
                if map.isSuspended, !wasSuspended { _ = try await mapper.resume(uuid: uuid, until: deadline) }
                guard isEnded.withLock(\.self) else { return error }
                if try await daemon.perform(.restoreQueueing, onMap: name, until: deadline) == true { return error }
                _ = try await mapper.send(message: "queue_if_no_path", toUUID: uuid, until: deadline)
            } catch let failure {
                error = error.adding(cause: failure)
            }
            return error
        }.value
    }
}
