import SANHost
import SANModel
import Synchronization

/// Questions to places of a cluster of which each may be silent: one that is costs its own answers, and not the others'.
///
/// A pool whose placement groups are inactive keeps every request to it until librados gives up (30 seconds), which is as long as all of a
/// refresh may take.
final class Inquiry<Answer: Sendable>: Sendable {
    private struct State {
        var answers: [Int: Answer] = [:]
        var moved = ContinuousClock.now
    }

    private let state = Mutex(State())

    private init() {}

    private func note(_ answer: Answer, to question: Int) {
        state.withLock { state in
            state.answers[question] = answer
            state.moved = .now
        }
    }

    private func notice() {
        state.withLock { $0.moved = .now }
    }

    /// How many places are asked at once.
    private static var window: Int { 8 }

    /// Asks each place on a thread of its own, which is left behind when the place is silent.
    ///
    /// - Parameters:
    ///   - patience: for how long a place may say nothing.
    ///   - end: when nobody is waited for any more.
    ///   - ask: puts its questions to a place, says where the place was heard, and notes each answer; what it throws ends the questions to that
    ///     place.
    /// - Returns: the answers to those that were answered.
    static func run<Place: Hashable & Sendable>(
        _ questions: [Place: [Int]], patience: Duration, until end: Deadline,
        _ ask:
            @escaping @Sendable (
                _ questions: [Int], _ heard: @escaping @Sendable () -> Void, _ note: @escaping (Int, Answer) -> Void
            ) throws(StorageError) -> Void
    ) async -> [Int: Answer] {
        await withTaskGroup(of: [Int: Answer].self) { group in
            var answers: [Int: Answer] = [:]
            for (index, questions) in questions.values.enumerated() {
                if index >= window, let some = await group.next() { answers.merge(some) { first, _ in first } }
                group.addTask { await one(questions, patience, end, ask) }
            }
            for await some in group { answers.merge(some) { first, _ in first } }
            return answers
        }
    }

    private static func one(
        _ questions: [Int], _ patience: Duration, _ end: Deadline,
        _ ask:
            @escaping @Sendable ([Int], @escaping @Sendable () -> Void, @escaping (Int, Answer) -> Void)
            throws(StorageError) -> Void
    ) async -> [Int: Answer] {
        let (inquiry, ended) = (Inquiry(), FirstResult<Void>())
        guard !end.hasPassed else { return [:] }
        OneShotThread.start(name: "san-rbd-ask") {
            let heard: @Sendable () -> Void = { inquiry.notice() }
            try? ask(questions, heard) { inquiry.note($1, to: $0) }  // what isn't answered is known by that
            ended.finish(.success(()))
        }
        let watch = Task {
            while true {
                let limit = min(end, Deadline(inquiry.state.withLock { $0.moved }.advanced(by: patience)))
                guard !limit.hasPassed else { break }
                try await Task.sleep(until: limit.instant, clock: .continuous)
            }
            ended.finish(.success(()))
        }
        defer { watch.cancel() }
        await withTaskCancellationHandler {
            _ = await ended.value()
        } onCancel: {
            ended.finish(.success(()))
        }
        return inquiry.state.withLock { $0.answers }
    }
}
