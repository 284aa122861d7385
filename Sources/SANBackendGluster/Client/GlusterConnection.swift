import SANEngine
import SANHost
import SANModel
import Synchronization

/// The one connection of this process to a volume.
///
/// Calls run on threads of their own. One that doesn't come back by its deadline is left behind, as it can't be cancelled; while it is still out
/// new calls are refused at once instead of being lost in the same way.
final class GlusterConnection: Sendable {
    private struct Lost {
        var count = 0
        /// Since when, and in what.
        var first: (since: ContinuousClock.Instant, what: String)?
    }

    let volume: GlusterVolume
    private let lost = Mutex(Lost())

    init(_ volume: GlusterVolume) {
        self.volume = volume
    }

    /// Makes calls on a thread, until the deadline.
    ///
    /// - Parameter what: what is waited for, for messages: "the list of 'gluster://…'".
    /// - Throws: `busy` while an earlier call is out, `timed_out`, `cancelled`, and what `body` throws.
    func call<Value: Sendable>(
        _ what: String, until deadline: Deadline,
        _ body: @escaping @Sendable (GlusterVolume) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try refuseWhileLost()
        let state = CallState()
        do throws(StorageError) {
            return try await withBlockingThread(named: "san-gluster", until: deadline, waitingFor: what) {
                [volume, weak self] () throws(StorageError) in
                defer { if state.comeBack() { self?.found() } }
                Poll.blockBrokenPipeSignal()
                return try body(volume)
            }
        } catch {
            if error.code == .timedOut || error.code == .cancelled, state.giveUp() { lose(what) }
            throw error
        }
    }

    private func refuseWhileLost() throws(StorageError) {
        guard let first = lost.withLock({ $0.first }) else { return }
        let seconds = first.since.duration(to: .now).components.seconds
        throw StorageError(
            .busy,
            "The volume hasn't answered for \(seconds) s: this process still waits for \(first.what); look at 'gluster volume status'",
            subject: .path(volume.uri.printable))
    }

    private func lose(_ what: String) {
        lost.withLock { lost in
            lost.count += 1
            lost.first = lost.first ?? (.now, what)
        }
    }

    private func found() {
        lost.withLock { lost in
            lost.count -= 1
            if lost.count == 0 { lost.first = nil }
        }
    }
}

/// Whether a call came back before it was given up on: which of the two was first.
private final class CallState: Sendable {
    private enum Phase: UInt8, AtomicRepresentable {
        case out, back, lost
    }

    private let phase = Atomic(Phase.out)

    /// - Returns: whether it had been given up on.
    func comeBack() -> Bool {
        !phase.compareExchange(expected: .out, desired: .back, ordering: .acquiringAndReleasing).exchanged
    }

    /// - Returns: whether it is still out.
    func giveUp() -> Bool {
        phase.compareExchange(expected: .out, desired: .lost, ordering: .acquiringAndReleasing).exchanged
    }
}
