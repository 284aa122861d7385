import Glibc
import SANEngine
import SANHost
import SANModel
import SystemPackage

/// Its pools are folders, active while the folder is there.
///
/// Making one that is there is an error, so two at once are noticed.
struct ProbeBackend: StorageBackend {
    static let type = PoolType.directory

    let root: FilePath
    /// Whether activation says so and then never ends.
    let isStuck: Bool

    struct Pool: ActivePool {
        let path: String

        func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
            PoolSnapshot(
                volumes: (0..<100).map { Volume(VolumeDefinition(name: "v\($0)", type: .file, capacity: 1)) })
        }

        func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
            guard rmdir(path) == 0 else { throw StorageError(.hostFailure, "stopped twice") }
            return .changed(())
        }
    }

    private func path(_ definition: PoolDefinition) -> String { root.appending("active-" + definition.name).string }

    func availability() async -> Availability { Availability(isAvailable: true) }
    func validate(_ definition: PoolDefinition) throws(StorageError) {}

    func adopt(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> Pool? {
        access(path(definition), F_OK) == 0 ? Pool(path: path(definition)) : nil
    }

    func activate(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> Change<Pool>
    {
        if isStuck {
            try? Probe.say("stuck")  // nobody may listen any more
            try? await Task.sleep(for: .seconds(3600))  // it is killed long before
        }
        guard mkdir(path(definition), 0o700) == 0 else { throw StorageError(.hostFailure, "started twice") }
        return .changed(Pool(path: path(definition)))
    }
}
