import SANModel
import Synchronization

/// Asks many units by threads that block, each of which takes the next unit when it has its answer.
///
/// A thread that waits for its unit longer than that unit may take is left behind, with that as the unit's answer, and another one takes its
/// place.
final class InterviewRound: Sendable {
    typealias Answer = Result<LiveIdentity, StorageError>

    private struct State {
        var next = 0
        /// Since when each unit is being asked.
        var asked: [Int: ContinuousClock.Instant] = [:]
        var answers: [HCTL: Answer] = [:]
        var isOver = false
    }

    private let units: [SCSIUnit]
    private let patience: Duration
    private let deadline: Deadline
    private let ask: @Sendable (SCSIUnit, Deadline) throws(StorageError) -> LiveIdentity
    private let state = Mutex(State())
    private let outcome = FirstResult<[HCTL: Answer]>()

    /// They wait for units, for the most part.
    static let mostThreads = 32

    /// - Parameters:
    ///   - units: each once.
    ///   - patience: how long one may take.
    ///   - deadline: for all of them.
    ///   - ask: blocks.
    init(
        _ units: [SCSIUnit], patience: Duration, until deadline: Deadline,
        _ ask: @escaping @Sendable (SCSIUnit, Deadline) throws(StorageError) -> LiveIdentity
    ) {
        self.units = units
        self.patience = patience
        self.deadline = deadline
        self.ask = ask
    }

    static func awaited(_ unit: SCSIUnit) -> String {
        "an answer of \(unit.hctl)" + (unit.block.map { " (\($0.name))" } ?? "")
    }

    /// To be called once.
    func run() async -> [HCTL: Answer] {
        guard !units.isEmpty else { return [:] }
        // Few units have a thread each; of many, most answer in less time than it takes to make one.
        for _ in 0..<min(units.count, max(8, units.count / 16), InterviewRound.mostThreads) { startThread() }
        let timer = Task { try await giveUpOnTheLate() }
        defer { timer.cancel() }
        let result = await withTaskCancellationHandler {
            await outcome.value()
        } onCancel: {
            end { _ in StorageError(.cancelled, "Cancelled while asking units what they are") }
        }
        if case .success(let answers) = result { return answers }
        return [:]
    }

    private func startThread() {
        OneShotThread.start(name: "san-ask") { [self] in
            while let index = take() {
                let answer: Answer
                do throws(StorageError) {
                    answer = .success(try ask(units[index], min(deadline, .after(patience))))
                } catch {
                    answer = .failure(error)
                }
                guard note(answer, of: index) else { return }
            }
        }
    }

    private func take() -> Int? {
        state.withLock { state in
            guard !state.isOver, state.next < units.count else { return nil }
            defer { state.next += 1 }
            state.asked[state.next] = .now
            return state.next
        }
    }

    /// - Returns: whether anybody still waited for it.
    private func note(_ answer: Answer, of index: Int) -> Bool {
        let (counts, all) = state.withLock { state -> (Bool, [HCTL: Answer]?) in
            guard !state.isOver, state.asked.removeValue(forKey: index) != nil else { return (false, nil) }
            state.answers[units[index].hctl] = answer
            return (true, allAnswers(&state))
        }
        if let all { outcome.finish(.success(all)) }
        return counts
    }

    private func allAnswers(_ state: inout State) -> [HCTL: Answer]? {
        guard state.next == units.count, state.asked.isEmpty else { return nil }
        state.isOver = true
        return state.answers
    }

    // MARK: Time

    private func giveUpOnTheLate() async throws {
        while true {
            let oldest = state.withLock { $0.asked.values.min() } ?? .now
            let due = min(Deadline(oldest.advanced(by: patience)), deadline)
            try await Task.sleep(until: due.instant, clock: .continuous)
            if deadline.hasPassed {
                return end { StorageError(.timedOut, "Waited in vain for \(InterviewRound.awaited($0))") }
            }
            expire()
        }
    }

    private func expire() {
        let (late, all) = state.withLock { state -> (Int, [HCTL: Answer]?) in
            let late = state.asked.filter { Deadline($0.value.advanced(by: patience)).hasPassed }.keys
            for index in late {
                state.asked[index] = nil
                state.answers[units[index].hctl] = .failure(
                    StorageError(.timedOut, "Waited in vain for \(InterviewRound.awaited(units[index]))"))
            }
            return (late.count, allAnswers(&state))
        }
        if let all { outcome.finish(.success(all)) }
        // Where nothing is left to take it ends at once.
        for _ in 0..<late { startThread() }
    }

    /// Nobody waits any more: every unit that hasn't answered gets this.
    private func end(_ error: (SCSIUnit) -> StorageError) {
        let answers = state.withLock { state -> [HCTL: Answer]? in
            guard !state.isOver else { return nil }
            state.isOver = true
            for unit in units where state.answers[unit.hctl] == nil { state.answers[unit.hctl] = .failure(error(unit)) }
            return state.answers
        }
        if let answers { outcome.finish(.success(answers)) }
    }
}
