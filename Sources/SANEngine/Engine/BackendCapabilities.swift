public import SANModel

/// What one type of pool can do here.
public struct BackendCapabilities: Sendable, Hashable {
    public var type: PoolType
    public var availability: Availability
    /// The verbs that its pools know, sorted.
    ///
    /// As in `build`, `delete`, `find-sources`, `refresh`, `start`, `stop`, `volume-create`, `volume-delete`, `volume-upload`.
    public var operations: [String]
}
