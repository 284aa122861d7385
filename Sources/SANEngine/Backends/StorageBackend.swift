public import SANModel

/// One type of pool.
///
/// What its pools can do beyond listing is told by the capability protocols that ``Pool`` conforms to.
public protocol StorageBackend: Sendable {
    associatedtype Pool: ActivePool

    static var type: PoolType { get }

    /// Whether this host has what the backend needs: library, program, kernel module.
    func availability() async -> Availability

    /// Refuses a definition that could never work. Pure: no I/O; called by define and create.
    ///
    /// - Throws: `invalid_argument`, `unsupported`.
    func validate(_ definition: PoolDefinition) throws(StorageError)

    /// The pool, where the host has it active (started by an earlier process), else nil. Never changes the host, and never waits for a server.
    func adopt(_ definition: PoolDefinition, in context: OperationContext) async throws(StorageError) -> Pool?

    /// Makes the pool active on this host. The engine refreshes it right after.
    ///
    /// On failure the host is as it was, or the error's causes say what was left.
    func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<Pool>
}

/// Whether a backend can work here, and what is missing if not.
public struct Availability: Sendable, Hashable {
    public var isAvailable: Bool
    /// Why not.
    public var reason: String?
    /// The Debian package that has what is missing.
    public var package: String?
    public var libraryVersion: String?

    public init(isAvailable: Bool, reason: String? = nil, package: String? = nil, libraryVersion: String? = nil) {
        self.isAvailable = isAvailable
        self.reason = reason
        self.package = package
        self.libraryVersion = libraryVersion
    }
}

/// A pool that this host has active.
public protocol ActivePool: Sendable {
    /// Reads everything anew. One bad volume is one volume with a problem; a failure here changes nothing on the host.
    func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot

    /// Undoes what activation did, and only that.
    func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void>

    /// What stays on the host where the pool is forgotten although ``deactivate(in:)`` failed, and how to take it away by hand.
    ///
    /// - Returns: nil where nothing stays.
    func remains(in context: OperationContext) async throws(StorageError) -> String?
}

extension ActivePool {
    /// Nothing: such a pool has changed nothing on the host.
    public func remains(in context: OperationContext) async throws(StorageError) -> String? { nil }
}
