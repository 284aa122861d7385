import SANEngine
import SANHost
import SANModel
import Synchronization

/// The calls that a connection has out.
///
/// Calls run on threads of their own. One that doesn't come back by its deadline, or before its caller is cancelled, is left behind, as it can't
/// be ended; while it is still out new calls are refused at once instead of being lost in the same way.
final class OutstandingCalls: Sendable {
    private struct Call {
        var what: String
        /// When it was given up on; nil while somebody waits for it.
        var lost: ContinuousClock.Instant?
    }

    private struct State {
        var calls: [UInt64: Call] = [:]
        var last: UInt64 = 0
        /// What is to begin when no lost call is out any more.
        var waiting: [@Sendable () -> Void] = []

        var firstLost: (since: ContinuousClock.Instant, what: String)? {
            calls.values.compactMap { call in call.lost.map { ($0, call.what) } }.min { $0.0 < $1.0 }
        }

        mutating func next() -> UInt64 {
            last += 1
            return last
        }
    }

    /// What has become of a call that failed, or that nobody waited for any more.
    private final class Outcome: Sendable {
        private let state = Mutex<Result<Void, StorageError>?>(nil)

        var result: Result<Void, StorageError>? { state.withLock { $0 } }

        var failure: StorageError? {
            if case .failure(let error) = result { error } else { nil }
        }

        func note(_ result: Result<Void, StorageError>) { state.withLock { $0 = result } }
    }

    private let uri: String
    /// How long a lost call may take to come back before its caller is told that it hasn't: most only end what they are at.
    private let grace: Duration
    private let state = Mutex(State())

    init(of uri: String, grace: Duration = .seconds(2)) {
        self.uri = uri
        self.grace = grace
    }

    /// Makes a call.
    ///
    /// - Parameters:
    ///   - what: what is waited for, for messages.
    ///   - effect: what it changes, for the cause of the error of a call that is given up on.
    ///   - undoing: gets what a lost call has made, when it comes back, to undo that: only what nobody else can have come to use.
    /// - Throws: `busy` while an earlier call is out, `timed_out`, `cancelled`, and what `body` throws.
    func call<Value: Sendable>(
        _ what: String, until deadline: Deadline, _ effect: Effect? = nil,
        undoing: @escaping @Sendable (Value) -> Void = { _ in },
        _ body: @escaping @Sendable () throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        await waitForLost(what, until: deadline)
        try refuseWhileLost()
        let id = state.withLock { $0.next() }
        let outcome = Outcome()
        do throws(StorageError) {
            return try await run(
                what, id, until: deadline, outcome, startedBy: { self.begin(id, what, $0) }, undoing: undoing, body)
        } catch {
            guard outcome.failure != error else { throw error }
            effect?.abandon()
            let isOut = giveUp(id)
            guard let effect else { throw error }
            throw await self.error(error, with: effect, of: what, isOut: isOut, outcome)
        }
    }

    /// The error of a call that was given up on, with what has become of it, or may.
    private func error(
        _ error: StorageError, with effect: Effect, of what: String, isOut: Bool, _ outcome: Outcome
    ) async -> StorageError {
        guard effect.hasBegun, (effect.possible ?? effect.certain) != nil else { return error }
        if isOut {
            try? await takeBack(what, until: .after(grace)) {}  // the outcome tells whether it is back
        }
        func told(_ code: StorageError.Code, _ text: String?) -> StorageError {
            guard let text else { return error }
            return error.adding(cause: StorageError(code, text, subject: .path(uri.printable)))
        }
        switch outcome.result {
        case nil: return told(.timedOut, effect.possible)
        case .success: return told(.invalidState, effect.certain)
        // It was kept from its next step.
        case .failure(let late) where late.code == .cancelled: return error
        case .failure(let late): return error.adding(cause: late)
        }
    }

    /// Makes a call that takes back what earlier ones did, also for a caller that is cancelled.
    ///
    /// While calls are out it begins when they have come back.
    ///
    /// - Parameter effect: nil where it may come late; else it isn't begun where nobody waits for it any more.
    /// - Throws: `timed_out` where it is still to come, or isn't made any more, and what `body` throws.
    func takeBack(
        _ what: String, until deadline: Deadline, _ effect: Effect? = nil,
        _ body: @escaping @Sendable () throws(StorageError) -> Void
    ) async throws(StorageError) {
        let result: Result<Void, StorageError> = await Task {
            let (id, isLate) = state.withLock { ($0.next(), $0.firstLost != nil) }
            do throws(StorageError) {
                return .success(
                    try await run(
                        what, id, until: isLate ? min(deadline, .after(grace)) : deadline, Outcome(),
                        startedBy: { self.beginWhenBack(id, what, effect, $0) }, undoing: { _ in }, body))
            } catch {
                effect?.abandon()
                _ = giveUp(id)
                return .failure(error)
            }
        }.value
        try result.get()
    }

    private func run<Value: Sendable>(
        _ what: String, _ id: UInt64, until deadline: Deadline, _ outcome: Outcome,
        startedBy start: (@escaping @Sendable () -> Void) -> Void, undoing: @escaping @Sendable (Value) -> Void,
        _ body: @escaping @Sendable () throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let value = try await withBlockingCall(
            until: deadline, waitingFor: what, startedBy: start,
            { () throws(StorageError) in
                Poll.blockBrokenPipeSignal()
                do throws(StorageError) {
                    return try body()
                } catch {
                    outcome.note(.failure(error))
                    self.end(id)
                    throw error
                }
            },
            abandoned: { value in
                outcome.note(.success(()))
                undoing(value)
                self.end(id)
            })
        end(id)
        return value
    }

    // MARK: State

    /// Waits for calls that were just lost: one whose caller was cancelled comes back within moments, mostly.
    private func waitForLost(_ what: String, until deadline: Deadline) async {
        guard let first = state.withLock({ $0.firstLost }) else { return }
        let rest = grace - first.since.duration(to: .now)
        guard rest > .zero else { return }
        try? await takeBack(what, until: min(deadline, .after(rest))) {}  // what is still out then is refused
    }

    private func refuseWhileLost() throws(StorageError) {
        guard let first = state.withLock({ $0.firstLost }) else { return }
        let seconds = first.since.duration(to: .now).components.seconds
        throw StorageError(
            .busy,
            "The volume hasn't answered for \(seconds) s: this process still waits for \(first.what); look at 'gluster volume status'",
            subject: .path(uri.printable))
    }

    private func begin(_ id: UInt64, _ what: String, _ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.calls[id] = Call(what: what) }
        OneShotThread.start(name: "san-gluster", body)
    }

    private func beginWhenBack(
        _ id: UInt64, _ what: String, _ effect: Effect?, _ body: @escaping @Sendable () -> Void
    ) {
        let isFree = state.withLock { state in
            guard state.firstLost != nil else { return true }
            state.waiting.append {
                if effect?.isAbandoned != true { self.begin(id, what, body) }
            }
            return false
        }
        if isFree { begin(id, what, body) }
    }

    /// - Returns: whether the call is out; one whose caller was cancelled before it began isn't.
    private func giveUp(_ id: UInt64) -> Bool {
        state.withLock { state in
            guard state.calls[id] != nil else { return false }
            state.calls[id]?.lost = .now
            return true
        }
    }

    private func end(_ id: UInt64) {
        let waiting = state.withLock { state in
            state.calls[id] = nil
            guard state.firstLost == nil else { return [] as [@Sendable () -> Void] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for begin in waiting { begin() }
    }
}
