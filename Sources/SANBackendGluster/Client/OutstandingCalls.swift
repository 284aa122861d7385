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
    ///   - leaving: what may still become of a call that didn't come back, for the error's cause.
    ///   - undoing: gets what a lost call has made, when it comes back, to undo that.
    /// - Throws: `busy` while an earlier call is out, `timed_out`, `cancelled`, and what `body` throws.
    func call<Value: Sendable>(
        _ what: String, until deadline: Deadline, leaving: String? = nil,
        undoing: @escaping @Sendable (Value) -> Void = { _ in },
        _ body: @escaping @Sendable () throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try refuseWhileLost()
        let id = state.withLock { $0.next() }
        do throws(StorageError) {
            return try await run(
                what, id, until: deadline, startedBy: { self.begin(id, what, $0) }, undoing: undoing, body)
        } catch {
            guard giveUp(id), let leaving else { throw error }
            do throws(StorageError) {
                try await takeBack(what, until: .after(grace)) {}
            } catch let late {
                throw error.adding(cause: StorageError(late.code, leaving, subject: .path(uri.printable)))
            }
            throw error
        }
    }

    /// Makes a call that takes back what earlier ones did, also for a caller that is cancelled.
    ///
    /// While calls are out it begins when they have come back, whether anybody still waits for it or not.
    ///
    /// - Throws: `timed_out` where it is still to come, and what `body` throws.
    func takeBack(
        _ what: String, until deadline: Deadline, _ body: @escaping @Sendable () throws(StorageError) -> Void
    ) async throws(StorageError) {
        let result: Result<Void, StorageError> = await Task {
            let (id, isLate) = state.withLock { ($0.next(), $0.firstLost != nil) }
            do throws(StorageError) {
                return .success(
                    try await run(
                        what, id, until: isLate ? min(deadline, .after(grace)) : deadline,
                        startedBy: { self.beginWhenBack(id, what, $0) }, undoing: { _ in }, body))
            } catch {
                _ = giveUp(id)
                return .failure(error)
            }
        }.value
        try result.get()
    }

    private func run<Value: Sendable>(
        _ what: String, _ id: UInt64, until deadline: Deadline,
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
                    self.end(id)
                    throw error
                }
            },
            abandoned: { value in
                undoing(value)
                self.end(id)
            })
        end(id)
        return value
    }

    // MARK: State

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

    private func beginWhenBack(_ id: UInt64, _ what: String, _ body: @escaping @Sendable () -> Void) {
        let isFree = state.withLock { state in
            guard state.firstLost != nil else { return true }
            state.waiting.append { self.begin(id, what, body) }
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
