import SANHost
import SANModel
import Synchronization

/// Carries out requests on a volume, several at once, each on one of a few threads.
///
/// A call on storage that doesn't answer can't be ended. Whoever waits gives up on it after its patience; the thread keeps the volume open
/// until the call comes back, and then ends.
package final class RequestQueue: Sendable {
    package struct Outcome: Sendable {
        package var tag: Int
        package var written: UInt64
        package var failure: StorageError?
        /// What a search found.
        package var data: [Range<UInt64>] = []
    }

    private enum Job: Sendable {
        case request(StorageRequest)
        case search(Range<UInt64>)
    }

    private struct State {
        var waiting: [(tag: Int, job: Job)] = []
        /// Since when each request has been with the storage.
        var running: [Int: ContinuousClock.Instant] = [:]
        var outcomes: [Outcome] = []
        var isClosed = false
        /// How many haven't ended.
        var threads = RequestQueue.window

        /// - Returns: whether it was the last.
        mutating func endThread() -> Bool {
            threads -= 1
            return threads == 0
        }
    }

    private let state = Mutex(State())
    private let work = Event()
    /// Signalled when the target is closed.
    private let closed = Event()
    private let wake: WakeSignal
    private let overdue: @Sendable (Duration) -> StorageError

    /// How many requests are under way at once, each with a thread.
    package static let window = 8

    /// - Parameter wake: signalled after each request, too.
    package init(_ target: some RequestTarget, wake: WakeSignal) {
        self.wake = wake
        overdue = { target.overdue($0) }
        for _ in 0..<RequestQueue.window {
            OneShotThread.start(name: target.threadName) { [self] in
                while let (tag, job) = next() { finish(RequestQueue.outcome(of: job, tag, on: target)) }
                guard state.withLock({ $0.endThread() }) else { return }
                target.close()
                closed.signal()
            }
        }
    }

    /// Lets the threads end, after what they are at, the last of which closes the target; waits for that where nothing is under way.
    package func close() {
        let isIdle = state.withLock { state in
            state.isClosed = true
            return state.running.isEmpty
        }
        for _ in 0..<RequestQueue.window { work.signal() }
        if isIdle { closed.wait() }
    }

    package func submit(_ request: StorageRequest, tag: Int) { submit(.request(request), tag) }

    /// Asks where there may be data.
    package func search(_ range: Range<UInt64>, tag: Int) { submit(.search(range), tag) }

    private func submit(_ job: Job, _ tag: Int) {
        state.withLock { $0.waiting.append((tag, job)) }
        work.signal()
    }

    /// Waits for requests to end; nothing where something else happened that is worth a look.
    ///
    /// - Parameter patience: how long one request may take.
    /// - Throws: `timed_out`; the request is still with the storage then.
    package func wait(patience: Duration) throws(StorageError) -> [Outcome] {
        let (outcomes, oldest) = state.withLock { state in
            let outcomes = state.outcomes
            state.outcomes = []
            return (outcomes, state.running.values.min())
        }
        if !outcomes.isEmpty { return outcomes }
        let deadline = oldest.map { Deadline($0.advanced(by: patience)) }
        if deadline?.hasPassed == true {
            throw overdue(patience)
        }
        _ = Poll.wait([.init(descriptor: wake.descriptor, events: Poll.readable)], until: deadline)
        wake.drain()
        return state.withLock { state in
            defer { state.outcomes = [] }
            return state.outcomes
        }
    }

    private func next() -> (Int, Job)? {
        while true {
            work.wait()
            let (isClosed, taken) = state.withLock { state -> (Bool, (Int, Job)?) in
                if state.isClosed { return (true, nil) }
                guard !state.waiting.isEmpty else { return (false, nil) }
                let first = state.waiting.removeFirst()
                state.running[first.tag] = .now
                return (false, (first.tag, first.job))
            }
            if isClosed { return nil }
            if let taken { return taken }
        }
    }

    private func finish(_ outcome: Outcome) {
        state.withLock { state in
            state.running[outcome.tag] = nil
            state.outcomes.append(outcome)
        }
        wake.signal()
    }

    private static func outcome(of job: Job, _ tag: Int, on target: some RequestTarget) -> Outcome {
        do throws(StorageError) {
            switch job {
            case .request(let request): return Outcome(tag: tag, written: try target.perform(request))
            case .search(let range): return Outcome(tag: tag, written: 0, data: try target.data(in: range))
            }
        } catch {
            return Outcome(tag: tag, written: 0, failure: error)
        }
    }
}
