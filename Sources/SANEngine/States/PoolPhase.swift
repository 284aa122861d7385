public import SANModel

/// Where a pool is between inactive and running, with the reasons.
public enum PoolPhase: Sendable, Hashable {
    case inactive
    case starting
    case running
    /// Running, with something wrong with the pool as a whole.
    case degraded([Problem])
    case stopping
    /// Neither running nor cleanly stopped: undoing a start failed.
    case failed([Problem])

    public init(_ state: PoolState, problems: [Problem]) {
        self =
            switch state {
            case .inactive: .inactive
            case .starting: .starting
            case .running: .running
            case .degraded: .degraded(problems)
            case .stopping: .stopping
            case .failed: .failed(problems)
            }
    }

    public var state: PoolState {
        switch self {
        case .inactive: .inactive
        case .starting: .starting
        case .running: .running
        case .degraded: .degraded
        case .stopping: .stopping
        case .failed: .failed
        }
    }

    public var problems: [Problem] {
        switch self {
        case .degraded(let problems), .failed(let problems): problems
        case .inactive, .starting, .running, .stopping: []
        }
    }

    /// Running, degraded where there are problems.
    static func active(_ problems: [Problem]) -> PoolPhase {
        problems.isEmpty ? .running : .degraded(problems)
    }
}
