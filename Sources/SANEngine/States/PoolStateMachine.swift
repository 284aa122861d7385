public import SANModel

/// The states of a pool and the ways between them.
///
/// Pure: it touches neither files nor hosts.
public struct PoolStateMachine: Sendable, Hashable {
    public private(set) var phase: PoolPhase

    public init(_ phase: PoolPhase) {
        self.phase = phase
    }

    /// What happens to a pool.
    public enum Event: Sendable, Hashable {
        case start
        /// The host has it active and the first refresh went well.
        case started([Problem])
        /// The start failed and nothing of it is left.
        case startUndone
        /// The start failed, and so did undoing it.
        case startLeftBehind([Problem])
        case refreshed([Problem])
        /// The pool stays as it is, with its last list.
        case refreshFailed(Problem)
        case stop
        case stopped
        /// The host still has it active.
        case stopFailed(Problem)
        /// The process that was starting or stopping it is gone.
        case interrupted
    }

    /// Moves to the next phase.
    ///
    /// - Throws: `invalid_state` for an event that can't happen in this phase; the phase stays.
    public mutating func apply(_ event: Event) throws(StorageError) {
        switch (phase, event) {
        case (.inactive, .start), (.failed, .start): phase = .starting
        case (.starting, .started(let problems)): phase = .active(problems)
        case (.starting, .startUndone): phase = .inactive
        case (.starting, .startLeftBehind(let problems)): phase = .failed(problems)
        case (.running, .refreshed(let problems)), (.degraded, .refreshed(let problems)): phase = .active(problems)
        case (.running, .refreshFailed(let problem)), (.degraded, .refreshFailed(let problem)):
            phase = .degraded([problem])
        case (.running, .stop), (.degraded, .stop), (.failed, .stop): phase = .stopping
        case (.stopping, .stopped): phase = .inactive
        case (.stopping, .stopFailed(let problem)): phase = .degraded([problem])
        case (.starting, .interrupted), (.stopping, .interrupted): phase = .inactive
        default:
            throw StorageError(
                .invalidState, "A pool that is \(phase.state.rawValue) can't get the event \(event.name)")
        }
    }
}

extension PoolStateMachine.Event {
    fileprivate var name: String {
        switch self {
        case .start: "start"
        case .started: "started"
        case .startUndone: "start undone"
        case .startLeftBehind: "start left behind"
        case .refreshed: "refreshed"
        case .refreshFailed: "refresh failed"
        case .stop: "stop"
        case .stopped: "stopped"
        case .stopFailed: "stop failed"
        case .interrupted: "interrupted"
        }
    }
}
