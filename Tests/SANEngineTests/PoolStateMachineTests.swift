import SANModel
import Testing

@testable import SANEngine

@Suite("The states of a pool")
struct PoolStateMachineTests {
    private static let problem = Problem(code: .timedOut, message: "slow")
    private static let phases: [PoolPhase] = [
        .inactive, .starting, .running, .degraded([problem]), .stopping, .failed([problem]),
    ]
    private static let events: [PoolStateMachine.Event] = [
        .start, .started([]), .started([problem]), .startUndone, .startLeftBehind([problem]), .refreshed([]),
        .refreshed([problem]), .refreshFailed(problem), .stop, .stopped, .stopFailed(problem), .interrupted,
    ]

    /// Every way that there is; all others are refused.
    private static func target(_ phase: PoolPhase, _ event: PoolStateMachine.Event) -> PoolPhase? {
        switch phase {
        case .inactive: event == .start ? .starting : nil
        case .failed: event == .start ? .starting : event == .stop ? .stopping : nil
        case .starting:
            switch event {
            case .started([]): .running
            case .started: .degraded([problem])
            case .startUndone, .interrupted: .inactive
            case .startLeftBehind: .failed([problem])
            default: nil
            }
        case .running, .degraded:
            switch event {
            case .refreshed([]): .running
            case .refreshed, .refreshFailed: .degraded([problem])
            case .stop: .stopping
            default: nil
            }
        case .stopping:
            switch event {
            case .stopped, .interrupted: .inactive
            case .stopFailed: .degraded([problem])
            default: nil
            }
        }
    }

    @Test("every event in every phase", arguments: phases, events)
    func transitions(_ phase: PoolPhase, _ event: PoolStateMachine.Event) throws {
        var machine = PoolStateMachine(phase)
        guard let expected = Self.target(phase, event) else {
            let error = #expect(throws: StorageError.self) { try machine.apply(event) }
            #expect(error?.code == .invalidState)
            #expect(machine.phase == phase)
            return
        }
        try machine.apply(event)
        #expect(machine.phase == expected)
    }

    @Test("a phase and its name in the files are one", arguments: phases)
    func names(_ phase: PoolPhase) {
        #expect(PoolPhase(phase.state, problems: phase.problems) == phase)
    }

    private static let allowed: [PoolCommand: Set<PoolState>] = [
        .define: Set(PoolState.allCases),
        .undefine: [.inactive],
        .build: [.inactive],
        .delete: [.inactive],
        .start: Set(PoolState.allCases),
        .refresh: [.running, .degraded],
        .stop: Set(PoolState.allCases),
        .autostart: Set(PoolState.allCases),
        .use: [.running, .degraded],
    ]

    @Test("every command in every state, after libvirt's rules", arguments: PoolCommand.allCases, PoolState.allCases)
    func commands(_ command: PoolCommand, _ state: PoolState) throws {
        if Self.allowed[command]?.contains(state) == true {
            let verdict = try command.judge(pool: "p", state: state, isPersistent: true)
            let isDone = (command == .start && state.isActive) || (command == .stop && state == .inactive)
            #expect(verdict == (isDone ? .alreadySo : .proceed))
        } else {
            let error = #expect(throws: StorageError.self) {
                try command.judge(pool: "p", state: state, isPersistent: true)
            }
            #expect(error?.code == .invalidState)
        }
    }

    @Test("a transient pool is neither undefined nor autostarted", arguments: [PoolCommand.undefine, .autostart])
    func transient(_ command: PoolCommand) {
        let error = #expect(throws: StorageError.self) {
            try command.judge(pool: "p", state: .inactive, isPersistent: false)
        }
        #expect(error?.code == .invalidState)
    }

    @Test("the refusals have libvirt's words")
    func words() {
        let active = #expect(throws: StorageError.self) {
            try PoolCommand.undefine.judge(pool: "d1", state: .running, isPersistent: true)
        }
        #expect(active?.message.hasPrefix("Storage pool 'd1' is still active") == true)
        let inactive = #expect(throws: StorageError.self) {
            try PoolCommand.refresh.judge(pool: "d1", state: .inactive, isPersistent: true)
        }
        #expect(inactive?.message.hasPrefix("Storage pool 'd1' is not active") == true)
    }
}
