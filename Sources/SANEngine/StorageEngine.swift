public import Logging
public import SANHost
public import SANModel
public import SystemPackage

/// Where the engine keeps what, and how it reaches the host.
public struct EngineConfiguration: Sendable {
    /// Definitions and their autostart links, and the secrets' documents.
    public var configuration: FilePath
    /// The values of secrets.
    public var state: FilePath
    /// What runs now; gone with the next boot.
    public var runtime: FilePath
    public var host: HostRoot
    public var commands: any CommandRunner
    /// How long one operation may wait (`--timeout`).
    public var timeout: Duration
    public var logger: Logger

    public init(
        configuration: FilePath, state: FilePath, runtime: FilePath, host: HostRoot, commands: any CommandRunner,
        timeout: Duration = .seconds(30), logger: Logger
    ) {
        self.configuration = configuration
        self.state = state
        self.runtime = runtime
        self.host = host
        self.commands = commands
        self.timeout = timeout
        self.logger = logger
    }
}

/// A pool as it is now: its definition, its state, and what the last refresh saw.
public struct PoolStatus: Sendable, Hashable {
    /// The definition that is in effect: of the running pool, else the stored one; nil for a broken definition.
    public var definition: PoolDefinition?
    public var name: String
    public var state: PoolState
    public var isPersistent: Bool
    public var isAutostarted: Bool
    public var capacity: ByteCount?
    public var allocation: ByteCount?
    public var available: ByteCount?
    public var volumeCount: Int?
    /// A definition that doesn't parse is a problem here, with line and column in its message.
    public var problems: [Problem]
    public var refreshedAt: Timestamp?
}

/// A volume together with the pool that it is in.
public struct LocatedVolume: Sendable, Hashable {
    public var pool: String
    public var poolType: PoolType
    public var volume: Volume
}

/// Names a volume: by name, key or path; in one pool, or in all of them.
public struct VolumeReference: Sendable, Hashable {
    public var text: String
    /// A pool's name or UUID.
    public var pool: String?

    public init(_ text: String, pool: String? = nil) {
        self.text = text
        self.pool = pool
    }
}

/// Which pools to list.
public struct PoolFilter: Sendable, Hashable {
    public var isActive: Bool?
    public var isPersistent: Bool?
    public var isAutostarted: Bool?
    public var types: Set<PoolType>?

    public init(isActive: Bool? = nil, isPersistent: Bool? = nil, isAutostarted: Bool? = nil, types: Set<PoolType>? = nil) {
        self.isActive = isActive
        self.isPersistent = isPersistent
        self.isAutostarted = isAutostarted
        self.types = types
    }
}

/// What one type of pool can do here.
public struct BackendCapabilities: Sendable, Hashable {
    public var type: PoolType
    public var availability: Availability
    /// Sorted verbs: `build`, `delete`, `find-sources`, `start`, `stop`, `refresh`, `volume-create`, `volume-delete`, `volume-resize`, `volume-upload`, …
    public var operations: [String]
}

/// A secret as the store has it; never its value.
public struct SecretStatus: Sendable, Hashable {
    public var definition: SecretDefinition
    public var hasValue: Bool
    public var problems: [Problem]
}

/// One pool's share of starting all that are marked.
public struct AutostartOutcome: Sendable {
    public var pool: String
    public var result: Result<Change<PoolStatus>, StorageError>
}

/// The engine: what `sanctl` does, as a library. Safe to use from many tasks and many processes at once.
public struct StorageEngine: Sendable {
    public init(_ configuration: EngineConfiguration, backends: [any StorageBackend]) {}

    // Pools. A reference is a name or a UUID.
    public func pools(_ filter: PoolFilter = PoolFilter()) async throws(StorageError) -> [PoolStatus] { [] }
    public func pool(_ reference: String) async throws(StorageError) -> PoolStatus { throw StorageError(.unsupported, "") }
    /// The document of a pool, with capacities and permissions as of the last refresh while it runs; `inactive` asks for the stored one.
    public func definition(ofPool reference: String, inactive: Bool = false) async throws(StorageError) -> PoolDefinition { throw StorageError(.unsupported, "") }
    public func definePool(_ definition: PoolDefinition) async throws(StorageError) -> Change<PoolStatus> { throw StorageError(.unsupported, "") }
    public func createPool(_ definition: PoolDefinition, building mode: BuildMode? = nil) async throws(StorageError) -> Change<PoolStatus> { throw StorageError(.unsupported, "") }
    public func buildPool(_ reference: String, mode: BuildMode = .normal) async throws(StorageError) -> Change<PoolStatus> { throw StorageError(.unsupported, "") }
    public func startPool(_ reference: String, building mode: BuildMode? = nil) async throws(StorageError) -> Change<PoolStatus> { throw StorageError(.unsupported, "") }
    public func refreshPool(_ reference: String) async throws(StorageError) -> PoolStatus { throw StorageError(.unsupported, "") }
    public func stopPool(_ reference: String, force: Bool = false) async throws(StorageError) -> Change<PoolStatus> { throw StorageError(.unsupported, "") }
    public func deletePool(_ reference: String) async throws(StorageError) -> Change<PoolStatus> { throw StorageError(.unsupported, "") }
    public func undefinePool(_ reference: String) async throws(StorageError) -> Change<String> { throw StorageError(.unsupported, "") }
    public func setAutostart(ofPool reference: String, to isOn: Bool) async throws(StorageError) -> Change<PoolStatus> { throw StorageError(.unsupported, "") }
    public func startAutostartedPools() async throws(StorageError) -> [AutostartOutcome] { [] }
    public func discoverSources(type: PoolType, query: PoolSource) async throws(StorageError) -> [PoolSource] { [] }
    public func capabilities() async -> [BackendCapabilities] { [] }

    // Volumes.
    public func volumes(ofPool reference: String) async throws(StorageError) -> (status: PoolStatus, volumes: [Volume]) { throw StorageError(.unsupported, "") }
    /// - Parameter fresh: read again from the storage where the backend can (`volume info`), else as listed.
    public func volume(_ reference: VolumeReference, fresh: Bool = false) async throws(StorageError) -> LocatedVolume { throw StorageError(.unsupported, "") }
    public func createVolume(_ definition: VolumeDefinition, inPool pool: String, preallocatesMetadata: Bool = false, from origin: VolumeReference? = nil) async throws(StorageError) -> Change<LocatedVolume> { throw StorageError(.unsupported, "") }
    public func cloneVolume(_ reference: VolumeReference, named name: String) async throws(StorageError) -> Change<LocatedVolume> { throw StorageError(.unsupported, "") }
    /// - Parameters:
    ///   - isDelta: `capacity` is added to (with `allowsShrink`: taken from) what there is.
    public func resizeVolume(_ reference: VolumeReference, to capacity: ByteCount, isDelta: Bool, allowsShrink: Bool, allocates: Bool) async throws(StorageError) -> Change<LocatedVolume> { throw StorageError(.unsupported, "") }
    public func deleteVolume(_ reference: VolumeReference, deletingSnapshots: Bool) async throws(StorageError) -> Change<LocatedVolume> { throw StorageError(.unsupported, "") }
    public func wipeVolume(_ reference: VolumeReference, _ algorithm: WipeAlgorithm, progress: any ProgressReporting) async throws(StorageError) -> TransferSummary { throw StorageError(.unsupported, "") }
    public func upload(_ source: DataEnd, to reference: VolumeReference, _ transfer: TransferRequest, progress: any ProgressReporting) async throws(StorageError) -> TransferSummary { throw StorageError(.unsupported, "") }
    public func download(_ reference: VolumeReference, to sink: DataEnd, _ transfer: TransferRequest, progress: any ProgressReporting) async throws(StorageError) -> TransferSummary { throw StorageError(.unsupported, "") }

    // Secrets. A reference is a UUID or KIND:USAGE.
    public func secrets() async throws(StorageError) -> [SecretStatus] { [] }
    public func secret(_ reference: String) async throws(StorageError) -> SecretStatus { throw StorageError(.unsupported, "") }
    public func defineSecret(_ definition: SecretDefinition) async throws(StorageError) -> Change<SecretStatus> { throw StorageError(.unsupported, "") }
    public func setSecretValue(_ reference: String, to value: SecretBytes) async throws(StorageError) -> Change<SecretStatus> { throw StorageError(.unsupported, "") }
    /// - Throws: `permission_denied` for a private secret.
    public func secretValue(_ reference: String) async throws(StorageError) -> SecretBytes { throw StorageError(.unsupported, "") }
    public func undefineSecret(_ reference: String) async throws(StorageError) -> Change<SecretStatus> { throw StorageError(.unsupported, "") }
}
