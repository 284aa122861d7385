public import SANHost
public import SANModel
import Synchronization

/// Device events that a test makes up.
///
/// Each listener hears what is posted after it began to listen, as with udev.
public final class ScriptedDeviceEvents: DeviceEventSource {
    private struct State {
        var streams: [ScriptedEventStream] = []
        var subsystems: [Set<String>] = []
    }

    private let state = Mutex(State())

    public init() {}

    public func listen(to subsystems: Set<String>) async throws(StorageError) -> any DeviceEventStream {
        let stream = ScriptedEventStream(subsystems)
        state.withLock { state in
            state.streams.append(stream)
            state.subsystems.append(subsystems)
        }
        return stream
    }

    /// What was listened to, in order.
    public var listened: [Set<String>] { state.withLock { $0.subsystems } }

    /// Tells everybody who listens to the event's subsystem; an empty path is heard by all.
    public func post(_ event: DeviceEvent) {
        for stream in state.withLock({ $0.streams }) { stream.hear(event) }
    }

    /// Posts the arrival of a device.
    ///
    /// - Parameter path: below `/sys`, without it.
    public func post(added path: String, in subsystem: String = "block") {
        post(DeviceEvent(action: "add", subsystem: subsystem, path: path))
    }
}

/// What one listener has to hear.
final class ScriptedEventStream: DeviceEventStream {
    private struct State {
        var events: [DeviceEvent] = []
        /// The one wait that is under way, by its number.
        var waiting: (id: Int, continuation: CheckedContinuation<DeviceEvent?, Never>)?
        var waits = 0
        var cancelled: Set<Int> = []
    }

    private let subsystems: Set<String>
    private let state = Mutex(State())

    init(_ subsystems: Set<String>) {
        self.subsystems = subsystems
    }

    func hear(_ event: DeviceEvent) {
        guard subsystems.isEmpty || event.path.isEmpty || subsystems.contains(event.subsystem) else { return }
        let waiting = state.withLock { state in
            defer { state.waiting = nil }
            if state.waiting == nil { state.events.append(event) }
            return state.waiting?.continuation
        }
        waiting?.resume(returning: event)
    }

    func next(until deadline: Deadline) async throws(StorageError) -> DeviceEvent? {
        let id = state.withLock { state in
            state.waits += 1
            return state.waits
        }
        let timer = Task {
            try await Task.sleep(until: deadline.instant, clock: .continuous)
            end(id)
        }
        defer { timer.cancel() }
        let event = await withTaskCancellationHandler {
            await withCheckedContinuation { begin(id, $0) }
        } onCancel: {
            end(id)
        }
        if event == nil, Task.isCancelled { throw StorageError(.cancelled, "Cancelled while waiting for a device") }
        return event
    }

    private func begin(_ id: Int, _ continuation: CheckedContinuation<DeviceEvent?, Never>) {
        let ready: DeviceEvent?? = state.withLock { state in
            if !state.events.isEmpty { return .some(state.events.removeFirst()) }
            if state.cancelled.contains(id) { return .some(nil) }
            state.waiting = (id, continuation)
            return nil
        }
        if let ready { continuation.resume(returning: ready) }
    }

    private func end(_ id: Int) {
        let continuation: CheckedContinuation<DeviceEvent?, Never>? = state.withLock { state in
            state.cancelled.insert(id)
            guard let waiting = state.waiting, waiting.id == id else { return nil }
            state.waiting = nil
            return waiting.continuation
        }
        continuation?.resume(returning: nil)
    }
}
