/// A test that waits for something to happen at a target.
struct Waiter {
    typealias Outcome = Result<ScriptedTarget.Status, ScriptedTargetError>

    let id: Int
    let reason: String
    let deadline: ContinuousClock.Instant
    let isFulfilled: @Sendable (ScriptedTarget.Status) -> Bool
    let continuation: CheckedContinuation<Outcome, Never>

    /// A waiter that has to wait no more, and what it is told.
    struct Release: Sendable {
        let continuation: CheckedContinuation<Outcome, Never>
        let outcome: Outcome

        func resume() { continuation.resume(returning: outcome) }
    }
}

extension TargetCore {
    /// Takes out the waiters whose wish has come true or whose time is up; they are resumed outside of the lock.
    func releaseWaiters() -> [Waiter.Release] {
        guard !waiters.isEmpty else { return [] }
        let now = ContinuousClock.now
        var released: [Waiter.Release] = []
        var waiting: [Waiter] = []
        for waiter in waiters {
            let outcome: Waiter.Outcome
            if waiter.isFulfilled(status) {
                outcome = .success(status)
            } else if isStopping {
                outcome = .failure(.stopped(waitingFor: waiter.reason))
            } else if waiter.deadline <= now {
                outcome = .failure(.timedOut(waitingFor: waiter.reason, seen: status))
            } else {
                waiting.append(waiter)
                continue
            }
            released.append(Waiter.Release(continuation: waiter.continuation, outcome: outcome))
        }
        waiters = waiting
        return released
    }

    func cancelWaiter(_ id: Int) -> Waiter.Release? {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return nil }
        let waiter = waiters.remove(at: index)
        return Waiter.Release(
            continuation: waiter.continuation, outcome: .failure(.cancelled(waitingFor: waiter.reason)))
    }

    /// Milliseconds until a waiter's time is up, for `poll(2)`; -1: no limit.
    var millisecondsToDeadline: Int32 {
        guard let first = waiters.map(\.deadline).min() else { return -1 }
        let left = ContinuousClock.now.duration(to: first)
        guard left > .zero else { return 0 }
        return Int32((min(left, .seconds(3600)) / .milliseconds(1)).rounded(.up))
    }
}
