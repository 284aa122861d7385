public import SANHost
public import SANModel
import Synchronization

/// A device-mapper with the devices that a test gives it.
public final class ScriptedDeviceMapper: DeviceMapperAccess {
    private struct State {
        var devices: [MappedDevice] = []
        var problems: [StorageError] = []
        var requests: [String] = []
        var removal: @Sendable (inout MappedDevice) throws(StorageError) -> Bool = { _ throws(StorageError) in true }
    }

    private let state = Mutex(State())

    public init(_ devices: [MappedDevice] = [], problems: [StorageError] = []) {
        state.withLock { state in
            state.devices = devices
            state.problems = problems
        }
    }

    /// What was asked to change, in order: `remove mpath-1`, `fail_if_no_path mpath-1`.
    public var requests: [String] { state.withLock { $0.requests } }

    public var devices: [MappedDevice] { state.withLock { $0.devices } }

    /// Takes a device away, as somebody else would.
    public func lose(_ uuid: String) { state.withLock { $0.devices.removeAll { $0.uuid == uuid } } }

    public func change(_ uuid: String, _ body: (inout MappedDevice) -> Void) {
        state.withLock { state in
            guard let index = state.devices.firstIndex(where: { $0.uuid == uuid }) else { return }
            body(&state.devices[index])
        }
    }

    /// How a removal ends: whether the device goes.
    public func onRemoval(_ body: @escaping @Sendable (inout MappedDevice) throws(StorageError) -> Bool) {
        state.withLock { $0.removal = body }
    }

    // MARK: DeviceMapperAccess

    public func multipathMaps(until deadline: Deadline) async throws(StorageError) -> MappedDeviceList {
        state.withLock { MappedDeviceList(devices: $0.devices.filter(\.isMultipath), problems: $0.problems) }
    }

    public func device(uuid: String, until deadline: Deadline) async throws(StorageError) -> MappedDevice? {
        devices.first { $0.uuid == uuid }
    }

    public func remove(uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool {
        try perform("remove", uuid) { state, index throws(StorageError) in
            if try state.removal(&state.devices[index]) { state.devices.remove(at: index) }
        }
    }

    public func resume(uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool {
        try perform("resume", uuid) { state, index throws(StorageError) in state.devices[index].isSuspended = false }
    }

    public func send(message: String, toUUID uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool
    {
        try perform(message, uuid) { _, _ throws(StorageError) in }
    }

    private func perform(
        _ request: String, _ uuid: String, _ body: (inout State, Int) throws(StorageError) -> Void
    ) throws(StorageError) -> Bool {
        try state.withLock { state throws(StorageError) in
            state.requests.append("\(request) \(uuid)")
            guard let index = state.devices.firstIndex(where: { $0.uuid == uuid }) else { return false }
            try body(&state, index)
            return true
        }
    }
}

extension MappedDevice {
    /// A multipath map with these lines of its table and status.
    public init(
        multipath name: String, wwid: String, minor: UInt32 = 0, sectors: UInt64 = 131_072, table: String,
        status: String
    ) {
        self.init(name: name, uuid: "mpath-\(wwid)", number: DeviceNumber(major: 254, minor: minor))
        self.table = [Target(start: 0, length: sectors, type: "multipath", parameters: table)]
        self.status = [Target(start: 0, length: sectors, type: "multipath", parameters: status)]
    }
}
