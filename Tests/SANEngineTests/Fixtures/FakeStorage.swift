import SANEngine
import SANModel
import Synchronization

/// The steps of a backend, in which a test can make it fail, wait or hang.
enum FakeStep: String, Sendable, Hashable, CaseIterable {
    case availability, validate, adopt, activate, refresh, deactivate, remains, build, delete, discover
    case create, resize, deleteVolume, inspect, upload, download, wipe
}

/// What the fake backends stand on: storage in memory that does as the test's script says.
final class FakeStorage: Sendable {
    private struct State {
        var active: Set<String> = []
        var volumes: [String: [Volume]] = [:]
        var failures: [FakeStep: StorageError] = [:]
        var calls: [FakeStep] = []
        var gates: [FakeStep: Gate] = [:]
        var problems: [Problem] = []
        var hanging: [CheckedContinuation<Void, Never>] = []
        var hangs: Set<FakeStep> = []
        var endless: Set<FakeStep> = []
        var activationIsUnchanged = false
    }

    private let state = Mutex(State())

    var calls: [FakeStep] { state.withLock { $0.calls } }
    func isActive(_ pool: String) -> Bool { state.withLock { $0.active.contains(pool) } }
    func setActive(_ pool: String, _ isActive: Bool) {
        state.withLock { state in
            if isActive { state.active.insert(pool) } else { state.active.remove(pool) }
        }
    }

    func fail(_ step: FakeStep, _ code: StorageError.Code = .backendFailure) {
        state.withLock { $0.failures[step] = StorageError(code, "The fake \(step.rawValue) fails") }
    }

    func mend(_ step: FakeStep) {
        state.withLock { _ = $0.failures.removeValue(forKey: step) }
    }

    /// Makes a step wait until the gate is opened.
    func stop(at step: FakeStep) -> Gate {
        let gate = Gate()
        state.withLock { $0.gates[step] = gate }
        return gate
    }

    /// Makes a step never return, whatever is cancelled.
    func hang(_ step: FakeStep) {
        state.withLock { _ = $0.hangs.insert(step) }
    }

    /// Makes a step last until it is cancelled.
    func wait(at step: FakeStep) {
        state.withLock { _ = $0.endless.insert(step) }
    }

    /// Lets everything go on that hangs.
    func release() {
        let hanging = state.withLock { state in
            defer {
                state.hanging = []
                state.hangs = []
            }
            return state.hanging
        }
        hanging.forEach { $0.resume() }
    }

    var problems: [Problem] {
        get { state.withLock { $0.problems } }
        set { state.withLock { $0.problems = newValue } }
    }

    var activationIsUnchanged: Bool {
        get { state.withLock { $0.activationIsUnchanged } }
        set { state.withLock { $0.activationIsUnchanged = newValue } }
    }

    func volumes(_ pool: String) -> [Volume] { state.withLock { $0.volumes[pool] ?? [] } }
    func setVolumes(_ pool: String, _ volumes: [Volume]) { state.withLock { $0.volumes[pool] = volumes } }

    func validate() throws(StorageError) {
        let failure = state.withLock { state in
            state.calls.append(.validate)
            return state.failures[.validate]
        }
        if let failure { throw failure }
    }

    func perform(_ step: FakeStep) async throws(StorageError) {
        let (gate, hangs, isEndless) = state.withLock { state in
            state.calls.append(step)
            return (state.gates[step], state.hangs.contains(step), state.endless.contains(step))
        }
        await gate?.pass()
        if isEndless { try? await Task.sleep(for: .seconds(3600)) }  // cancelled: told below
        if hangs {
            await withCheckedContinuation { continuation in state.withLock { $0.hanging.append(continuation) } }
        }
        if Task.isCancelled { throw StorageError(.cancelled, "The fake \(step.rawValue) was cancelled") }
        if let failure = state.withLock({ $0.failures[step] }) { throw failure }
    }
}

/// A place where somebody waits until the test lets him on; the test can wait until he is there.
actor Gate {
    private var isOpen = false
    private var arrivals = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var watchers: [CheckedContinuation<Void, Never>] = []

    func pass() async {
        arrivals += 1
        watchers.forEach { $0.resume() }
        watchers = []
        guard !isOpen else { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func arrival() async {
        guard arrivals == 0 else { return }
        await withCheckedContinuation { watchers.append($0) }
    }

    func open() {
        isOpen = true
        waiting.forEach { $0.resume() }
        waiting = []
    }
}
