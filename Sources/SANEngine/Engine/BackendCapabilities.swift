public import SANModel

/// What one type of pool can do here.
public struct BackendCapabilities: Sendable, Hashable {
    public var type: PoolType
    public var availability: Availability
    /// Sorted verbs: `build`, `delete`, `find-sources`, `start`, `stop`, `refresh`, `volume-create`, `volume-delete`, `volume-resize`, `volume-upload`, …
    public var operations: [String]
}
