public import SANModel

/// Tells when devices of this host come, go and change.
///
/// An event is a hint to look again, never the truth (L92): it may come late, twice, or for something that is gone already.
public protocol DeviceEventSource: Sendable {
    /// Begins to listen before it returns: nothing that happens afterwards is missed.
    ///
    /// - Parameter subsystems: the kernel's names: `block`, `scsi`, `fc_host`.
    /// - Throws: `unavailable`, `permission_denied`, `host_failure`.
    func listen(to subsystems: Set<String>) async throws(StorageError) -> any DeviceEventStream
}

/// Events, in the order in which they came.
public protocol DeviceEventStream: Sendable {
    /// Waits for an event; nil at the deadline.
    ///
    /// Where events were lost, because too many came at once, that counts as one with an empty path.
    ///
    /// - Throws: `cancelled`, `host_failure`.
    func next(until deadline: Deadline) async throws(StorageError) -> DeviceEvent?
}

/// What happened to a device, after udev has run its rules for it.
public struct DeviceEvent: Sendable, Hashable {
    /// `add`, `remove`, `change`, `bind` and so on.
    public var action: String
    public var subsystem: String
    /// The device's folder below `/sys`, without it: `/devices/…/block/sda`.
    public var path: String

    public init(action: String, subsystem: String, path: String) {
        self.action = action
        self.subsystem = subsystem
        self.path = path
    }
}

extension DeviceEventSource {
    /// Looks, and looks again after each event, until there is what is looked for.
    ///
    /// - Parameters:
    ///   - what: for the message of `timed_out`: "the disk of LUN 3".
    ///   - look: reads the host; runs on a thread of its own.
    /// - Throws: what `look` throws, `timed_out`, `cancelled`, `unavailable`.
    public func wait<Value: Sendable>(
        for what: String, in subsystems: Set<String>, until deadline: Deadline,
        _ look: @escaping @Sendable () throws(StorageError) -> Value?
    ) async throws(StorageError) -> Value {
        let events = try await listen(to: subsystems)
        while true {
            let found = try await withBlockingThread(named: "san-look", until: deadline, waitingFor: what, look)
            if let found { return found }
            guard try await events.next(until: deadline) != nil else {
                throw StorageError(.timedOut, "Waited in vain for \(what)")
            }
        }
    }
}
