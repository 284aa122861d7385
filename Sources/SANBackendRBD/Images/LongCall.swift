import CCeph
import SANEngine
import SANHost
import SANModel
import Synchronization

/// A call of librbd that works through an image and tells how far it is.
final class LongCall: Sendable {
    /// What one of its steps works through, in bytes.
    struct Work {
        /// The image's end, which librbd's total stands for.
        var end: UInt64
        /// Where in the image it begins: librbd counts a cut's objects from the image's first one on.
        var start: UInt64 = 0
        /// What the steps before it have done.
        var before: UInt64 = 0

        func done(_ done: UInt64, of total: UInt64) -> UInt64 {
            guard total > 0 else { return before }
            let reached = total.dividingFullWidth(min(done, total).multipliedFullWidth(by: end)).quotient
            let (sum, overflow) = before.addingReportingOverflow(max(reached, start) - start)
            return overflow ? .max : sum
        }
    }

    private struct State {
        var work: Work
        var moved = ContinuousClock.now
        /// Whether the step has told of progress.
        var hasBegun = false
        var isStopped = false
        /// The address of another client that carries it out.
        var executor: String?
        /// How often it was told to end, and asked for more.
        var refusals = 0
        /// What it may leave where it ends now, other than it found it.
        var left: [StorageError] = []
        /// The same without what the step adds that it is at.
        var leftBefore: [StorageError] = []
    }

    /// How often it is told to end before that is known to reach nobody.
    ///
    /// librbd ends where it is told so once; twice, where it lost the image's lock just then and had it back.
    static let refusalsOfOthers = 3

    /// How long one that was stopped is awaited where another client carries it out.
    static let grace: Duration = .seconds(2)

    private let state: Mutex<State>
    /// For messages: "the deletion of the image 'v'".
    private let what: String
    private let capacity: UInt64
    private let report: @Sendable (_ done: UInt64) -> Void
    private let unheard: @Sendable (LongCall) -> Void

    /// - Parameters:
    ///   - what: what it does, for messages: "the deletion of the image 'v'".
    ///   - capacity: the bytes that are worked through; 0 for none to be told.
    ///   - report: is told how many are done.
    ///   - unheard: is called where another client has come to carry it out, and goes on after it was stopped.
    init(
        _ what: String, over capacity: UInt64 = 0, report: @escaping @Sendable (_ done: UInt64) -> Void = { _ in },
        unheard: @escaping @Sendable (LongCall) -> Void = { _ in }
    ) {
        self.what = what
        self.capacity = capacity
        self.report = report
        self.unheard = unheard
        state = Mutex(State(work: Work(end: capacity)))
    }

    /// Asks it to end; librbd does so with its next object, but not where another client carries it out.
    ///
    /// - Returns: that client's address.
    @discardableResult
    func stop() -> String? {
        state.withLock { state in
            state.isStopped = true
            return state.executor
        }
    }

    /// To be called before each of its steps.
    ///
    /// - Parameters:
    ///   - executor: the address of another client that carries the step out.
    ///   - left: what it may leave where it doesn't end well, besides what the steps before it left.
    ///   - work: what it works through, if not the whole.
    /// - Throws: `cancelled` where it is to end.
    func proceed(
        at executor: String? = nil, leaving left: StorageError? = nil, over work: Work? = nil
    ) throws(StorageError) {
        let isStopped = state.withLock { state in
            state.moved = .now
            state.hasBegun = false
            state.executor = executor
            if let work { state.work = work }
            state.leftBefore = state.left
            if let left, !state.isStopped { state.left.append(left) }
            return state.isStopped
        }
        if isStopped { throw StorageError(.cancelled, "Stopped before the next step of \(what)") }
    }

    /// What it may leave; to be set where a step has ended, and more is known.
    var left: [StorageError] {
        get { state.withLock { $0.left } }
        set { state.withLock { $0.left = newValue } }
    }

    /// To be called where the step that it is at has changed nothing: what it may leave is what the steps before it left.
    func leavesNothing() {
        state.withLock { $0.left = $0.leftBefore }
    }

    /// To be called where the step that it is at has failed: one that was refused leaves nothing.
    ///
    /// What another client does it doesn't always tell.
    ///
    /// - Parameter isCut: of a cut within an object librbd tells nothing either (`TrimRequest::send_clean_boundary` of 16.2): only who had no lock
    ///   for it, or was refused the size, has begun nothing.
    func settle(_ failure: CephFailure, isCut: Bool = false) {
        state.withLock { state in
            let isRefused = isCut ? failure.refusesCut : failure.refusesWork
            guard isRefused, !state.hasBegun, state.executor == nil else { return }
            state.left = state.leftBefore
        }
    }

    /// Whether the step that it is at may have touched an object.
    ///
    /// librbd tells of its progress with each object that it sends a request for (`AsyncObjectThrottle::start_next_op`), here and not where another
    /// client carries the step out.
    var hasBegun: Bool { state.withLock { $0.hasBegun } }

    /// An error that it ends with, and what it leaves.
    func ended(_ error: StorageError) -> StorageError {
        left.reduce(error) { $0.adding(cause: $1) }
    }

    /// When it has been still for as long as it may.
    func end(_ patience: Duration) -> Deadline {
        Deadline(state.withLock { $0.moved }.advanced(by: patience))
    }

    /// Lends what `librbd_progress_fn_t` is to be given with ``callback``.
    func withArgument(_ body: (UnsafeMutableRawPointer) -> Int32) -> Int32 {
        withExtendedLifetime(self) { unsafe body(Unmanaged.passUnretained(self).toOpaque()) }
    }

    static let callback: librbd_progress_fn_t = { done, total, argument in
        guard let argument = unsafe argument else { return 0 }
        return unsafe Unmanaged<LongCall>.fromOpaque(argument).takeUnretainedValue().advance(done, total)
    }

    /// - Returns: ECANCELED, negative, where it is to end.
    private func advance(_ done: UInt64, _ total: UInt64) -> Int32 {
        let (isStopped, work, isUnheard) = state.withLock { state in
            state.moved = .now
            state.hasBegun = true
            if state.isStopped { state.refusals += 1 }
            return (state.isStopped, state.work, state.refusals == LongCall.refusalsOfOthers)
        }
        if total > 0, capacity > 0 { report(min(work.done(done, of: total), capacity)) }
        if isUnheard { unheard(self) }
        return isStopped ? -125 : 0
    }
}

extension RBDPool {
    /// Lends the connection to a long call, on a thread of its own that is left behind when nothing has moved for as long as one wait may take.
    ///
    /// Whoever is cancelled waits for its end, as it must be known what was done; but not for another client's. Each failure says what the call
    /// leaves.
    ///
    /// - Parameter capacity: of what is worked through, which progress is counted in; 0 for none to be told.
    func withLongCall<Value: Sendable>(
        in context: OperationContext, over capacity: UInt64, waitingFor what: String,
        _ body: @escaping @Sendable (ClusterConnection, LongCall) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let connection = try await connections.connection(to: source, in: context)
        let progress = context.progress
        let outcome = FirstResult<Value>()
        @Sendable func leave(_ call: LongCall, to client: String) {
            let error = StorageError(.cancelled, "Cancelled, but \(client) goes on with \(what)")
            outcome.finish(.failure(call.ended(error)))
        }
        let call = LongCall(what, over: capacity) {
            progress.report(done: ByteCount($0), total: ByteCount(capacity))
        } unheard: {
            leave($0, to: "another client, which has the image's lock by now,")
        }
        // Before its first step, which may not be one to be stopped.
        if Task.isCancelled { call.stop() }
        OneShotThread.start(name: "san-rbd-long") {
            do throws(StorageError) {
                outcome.finish(.success(try body(connection, call)))
            } catch {
                outcome.finish(.failure(call.ended(error)))
            }
        }
        let patience = context.patience
        let watch = Task {
            while !call.end(patience).hasPassed {
                try await Task.sleep(until: call.end(patience).instant, clock: .continuous)
            }
            let rest = call.stop().map { "; the client at \($0) may still go on with it" } ?? ""
            outcome.finish(
                .failure(
                    call.ended(
                        StorageError(.timedOut, "Waited in vain for \(what): nothing moved for \(patience)\(rest)"))))
        }
        defer { watch.cancel() }
        let result = await withTaskCancellationHandler {
            await outcome.value()
        } onCancel: {
            guard let executor = call.stop() else { return }
            Task {
                // Where that client is gone, this one carries it out, and ends.
                try await Task.sleep(for: LongCall.grace)
                leave(call, to: "the client at \(executor), which has the image open,")
            }
        }
        // As after any other call: the next operation connects anew.
        if case .failure(let error) = result, [.unavailable, .timedOut].contains(error.code) {
            connections.forget(source)
        }
        return try result.get()
    }
}
