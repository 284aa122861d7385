import SANModel
import Synchronization

/// What a call is to change, and whether somebody still waits for it.
///
/// A lost call comes back minutes after its caller was told, and by then another host may use what it would cut or remove: it asks right before
/// each such step, also between looking and cutting.
final class Effect: Sendable {
    private struct State {
        var isAbandoned = false
        var hasBegun = false
    }

    /// What a caller is told whose call is still out.
    let possible: String?
    /// What a caller is told whose call has ended well after it was given up on; nil where that is undone.
    let certain: String?
    private let state = Mutex(State())

    init(possible: String? = nil, certain: String? = nil) {
        (self.possible, self.certain) = (possible, certain)
    }

    /// To be called before each step.
    ///
    /// - Throws: `cancelled` where nobody waits for it any more.
    func begin() throws(StorageError) {
        let isAbandoned = state.withLock { state in
            if !state.isAbandoned { state.hasBegun = true }
            return state.isAbandoned
        }
        if isAbandoned { throw StorageError(.cancelled, "Nobody waits for it any more") }
    }

    /// Has no step begin any more.
    func abandon() { state.withLock { $0.isAbandoned = true } }

    var isAbandoned: Bool { state.withLock { $0.isAbandoned } }
    /// Whether a step may have been carried out.
    var hasBegun: Bool { state.withLock { $0.hasBegun } }
}
