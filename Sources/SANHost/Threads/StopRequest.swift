import SANModel
import Synchronization

/// A wish, from any thread, that a running operation may end; wakes the session's loop.
package final class StopRequest: Sendable {
    package let wake: WakeSignal
    private let requested = Atomic<Bool>(false)

    /// - Throws: `host_failure` where there are no more descriptors.
    package init() throws(StorageError) {
        wake = try WakeSignal()
    }

    package var isRequested: Bool { requested.load(ordering: .acquiring) }

    package func request() {
        requested.store(true, ordering: .releasing)
        wake.signal()
    }
}
