import CLibISCSI
import SANHost
import Synchronization

/// What libiscsi's callbacks of one context said, until the session's loop takes it.
///
/// Callbacks get an integer, never a pointer to a Swift object: libiscsi calls some of them while its context is being destroyed, and
/// some never. The context's address leads to its inbox through a table that outlives every context.
final class CompletionInbox: Sendable {
    /// How a command ended, by libiscsi's callback.
    struct Completion: Sendable {
        var id: UInt
        /// A SCSI status, or one of libiscsi's own above 0xff: cancelled, error, timeout.
        var status: Int32
        var sense: SenseData?
        /// How many bytes less than asked for came, where the target says so.
        var underflow: Int
    }

    private struct Contents {
        var completions: [Completion] = []
        var discovered: [DiscoveredTarget] = []
    }

    private static let table = Mutex<[UInt: CompletionInbox]>([:])
    private let contents = Mutex(Contents())

    /// - Parameter context: the address of the context.
    static func register(context: UInt) -> CompletionInbox {
        let inbox = CompletionInbox()
        table.withLock { $0[context] = inbox }
        return inbox
    }

    static func forget(context: UInt) {
        _ = table.withLock { $0.removeValue(forKey: context) }
    }

    static func inbox(context: UInt) -> CompletionInbox? {
        table.withLock { $0[context] }
    }

    func post(_ completion: Completion) {
        contents.withLock { $0.completions.append(completion) }
    }

    func post(_ targets: [DiscoveredTarget]) {
        contents.withLock { $0.discovered = targets }
    }

    /// Everything that came since the last call, in order.
    func takeCompletions() -> [Completion] {
        contents.withLock { contents in
            defer { contents.completions.removeAll(keepingCapacity: true) }
            return contents.completions
        }
    }

    func takeDiscovered() -> [DiscoveredTarget] {
        contents.withLock { contents in
            defer { contents.discovered = [] }
            return contents.discovered
        }
    }
}

/// A target that SendTargets named, with the text of its portals.
struct DiscoveredTarget: Sendable, Hashable {
    var name: String
    /// As the target wrote them: `10.0.0.1:3260,1`.
    var addresses: [String]
}
