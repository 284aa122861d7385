public import SANModel

/// The events that udev sends when it has run its rules for a device, from libudev's monitor.
///
/// Anybody may listen. Where no udevd runs, nothing ever comes, and waits end at their deadline.
public struct UdevMonitor: DeviceEventSource {
    /// What the kernel keeps of events that haven't been read, in bytes: a target with thousands of LUNs sends them all at once.
    private let receiveBuffer: Int32

    /// As udevd's own: the kernel counts memory only for what is waiting.
    public static let standardBuffer: Int32 = 128 << 20

    /// - Parameter receiveBuffer: in bytes; an ordinary user gets at most what `net.core.rmem_max` allows.
    public init(receiveBuffer: Int32 = UdevMonitor.standardBuffer) {
        self.receiveBuffer = receiveBuffer
    }

    /// - Throws: `host_failure` where there is no netlink, or no descriptor left for it.
    public func listen(to subsystems: Set<String>) async throws(StorageError) -> any DeviceEventStream {
        let stream = try UdevEventStream()
        try await stream.open(subsystems, receiveBuffer)
        return stream
    }
}

/// One listener, on a thread of its own.
actor UdevEventStream: DeviceEventStream {
    private nonisolated let thread = BlockingThread(name: "san-udev")
    private nonisolated let wake: WakeSignal
    private var handle: UdevMonitorHandle?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

    /// - Throws: `host_failure`.
    init() throws(StorageError) {
        wake = try WakeSignal()
    }

    func open(_ subsystems: Set<String>, _ receiveBuffer: Int32) throws(StorageError) {
        handle = try UdevMonitorHandle.listening(to: subsystems, receiveBuffer: receiveBuffer)
    }

    nonisolated func next(until deadline: Deadline) async throws(StorageError) -> DeviceEvent? {
        let result: Result<DeviceEvent?, StorageError> = await withTaskCancellationHandler {
            do throws(StorageError) {
                return .success(try await receive(until: deadline))
            } catch {
                return .failure(error)
            }
        } onCancel: {
            wake.signal()
        }
        return try result.get()
    }

    private func receive(until deadline: Deadline) throws(StorageError) -> DeviceEvent? {
        while true {
            if Task.isCancelled { throw StorageError(.cancelled, "Cancelled while waiting for a device") }
            guard let descriptor = handle?.descriptor else { return nil }
            if let event = try handle?.receive() { return event }
            if deadline.hasPassed { return nil }
            let events = Poll.wait(
                [
                    .init(descriptor: descriptor, events: Poll.readable),
                    .init(descriptor: wake.descriptor, events: Poll.readable),
                ], until: deadline)
            if events[1] != 0 { wake.drain() }
        }
    }
}
