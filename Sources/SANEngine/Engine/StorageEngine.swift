import SANHost
import SANModel

/// The engine: what `sanctl` does, as a library.
///
/// Safe to use from many tasks and many processes at once. A pool's reference is its name or UUID.
public struct StorageEngine: Sendable {
    let configuration: EngineConfiguration
    let backends: [PoolType: any StorageBackend]
    let definitions: DefinitionStore<PoolDefinition>
    let nodeDevices: DefinitionStore<NodeDeviceDefinition>
    let hbas: VirtualHBAs?
    let live: LiveStore
    let locks: LockFolder
    let coordinator: HostCoordinator
    let activations: ActivationStore
    let secretStore: SecretStore
    let duplicates: DuplicateSource

    /// - Parameters:
    ///   - backends: one for each type of pool; a type without one can be defined and listed, not started.
    ///   - hosts: tells which SCSI host an adapter is, for the check for duplicate sources.
    ///   - hbas: makes and deletes virtual HBAs; without it they can be defined only.
    public init(
        _ configuration: EngineConfiguration, backends: [any StorageBackend],
        resolving hosts: any SCSIHostResolving = UnresolvedSCSIHosts(), hbas: VirtualHBAs? = nil
    ) {
        self.init(configuration, backends: backends, resolving: hosts, hbas: hbas, checkpoint: { _ in })
    }

    /// - Parameter checkpoint: ends the write of a definition between two steps, for tests.
    init(
        _ configuration: EngineConfiguration, backends: [any StorageBackend],
        resolving hosts: any SCSIHostResolving = UnresolvedSCSIHosts(), hbas: VirtualHBAs? = nil,
        checkpoint: @escaping AtomicFile.Checkpoint
    ) {
        self.configuration = configuration
        self.backends = Dictionary(
            backends.map { (type(of: $0).type, $0) }, uniquingKeysWith: { first, _ in first })
        definitions = DefinitionStore(
            folder: configuration.configuration.appending("storage"), checkpoint: checkpoint)
        nodeDevices = DefinitionStore(
            folder: configuration.configuration.appending("vhba"), checkpoint: checkpoint)
        self.hbas = hbas
        live = LiveStore(folder: configuration.runtime.appending("storage"), host: configuration.host)
        let locks = LockFolder(folder: configuration.runtime.appending("locks"))
        self.locks = locks
        coordinator = HostCoordinator(runtime: configuration.runtime)
        activations = ActivationStore(runtime: configuration.runtime, host: configuration.host)
        secretStore = SecretStore(
            configuration: configuration, locks: locks)
        duplicates = DuplicateSource(resolving: hosts)
    }

    /// When an operation that begins now must have ended.
    func newDeadline() -> Deadline { .after(configuration.timeout) }

    func context(
        until deadline: Deadline, progress: any ProgressReporting = NoProgress()
    ) -> OperationContext {
        OperationContext(
            deadline: deadline, patience: configuration.timeout, secrets: secretStore, progress: progress,
            coordinator: coordinator, activations: activations, logger: configuration.logger)
    }

    /// The backend of a type, available or not.
    ///
    /// - Throws: `unsupported` where there is none.
    func backend(of type: PoolType) throws(StorageError) -> any StorageBackend {
        guard let backend = backends[type] else {
            throw StorageError(
                .unsupported,
                "This sanctl has no backend for pools of type '\(type)': they can be defined and listed, not started")
        }
        return backend
    }

    /// The backend of a type, ready to work.
    ///
    /// - Throws: `unsupported` where there is none, `unavailable` with what is missing on this host.
    func availableBackend(of type: PoolType, until deadline: Deadline) async throws(StorageError) -> any StorageBackend
    {
        let backend = try backend(of: type)
        let availability = try await withDeadline(deadline, waitingFor: "the check of what '\(type)' pools need") {
            () async throws(StorageError) -> Availability in await backend.availability()
        }
        guard availability.isAvailable else {
            let reason = availability.reason ?? "something is missing on this host"
            let remedy = availability.package.map { "; install the package \($0)" } ?? ""
            throw StorageError(.unavailable, "Pools of type '\(type)' can't be used here: \(reason)\(remedy)")
        }
        return backend
    }
}

/// Runs to its end in a task of its own, whatever becomes of the caller: for what must not be left half done.
package func shielded<Value: Sendable>(
    _ body: @escaping @Sendable () async throws(StorageError) -> Value
) async throws(StorageError) -> Value {
    let result: Result<Value, StorageError> = await Task {
        do throws(StorageError) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }.value
    return try result.get()
}
