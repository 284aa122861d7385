import SANEngine
import SANHost
import SANModel

/// The one connection of this process to a volume.
final class GlusterConnection: Sendable {
    let volume: GlusterVolume
    private let calls: OutstandingCalls

    init(_ volume: GlusterVolume) {
        self.volume = volume
        calls = OutstandingCalls(of: volume.uri)
    }

    /// Makes calls on a thread, until the deadline.
    ///
    /// - Parameters:
    ///   - what: what is waited for, for messages: "the list of 'gluster://…'".
    ///   - effect: see ``OutstandingCalls/call(_:until:_:undoing:_:)``.
    ///   - undoing: the same.
    /// - Throws: `busy` while an earlier call is out, `timed_out`, `cancelled`, and what `body` throws.
    func call<Value: Sendable>(
        _ what: String, until deadline: Deadline, _ effect: Effect? = nil,
        undoing: @escaping @Sendable (Value, GlusterVolume) -> Void = { _, _ in },
        _ body: @escaping @Sendable (GlusterVolume) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let volume = volume
        return try await calls.call(what, until: deadline, effect, undoing: { undoing($0, volume) }) {
            () throws(StorageError) in try body(volume)
        }
    }

    /// Makes calls that take back what earlier ones did; see ``OutstandingCalls/takeBack(_:until:_:_:)``.
    func takeBack(
        _ what: String, until deadline: Deadline, _ effect: Effect? = nil,
        _ body: @escaping @Sendable (GlusterVolume) throws(StorageError) -> Void
    ) async throws(StorageError) {
        let volume = volume
        try await calls.takeBack(what, until: deadline, effect) { () throws(StorageError) in try body(volume) }
    }
}
