import SANHost
import SANModel
import Synchronization

/// A wish, from any thread, that a running operation may end; wakes the session's loop.
final class StopRequest: Sendable {
    let wake: WakeSignal
    private let requested = Atomic<Bool>(false)

    /// - Throws: `host_failure` where there are no more descriptors.
    init() throws(StorageError) {
        wake = try WakeSignal()
    }

    var isRequested: Bool { requested.load(ordering: .acquiring) }

    func request() {
        requested.store(true, ordering: .releasing)
        wake.signal()
    }
}
