import CDeviceMapper
import CLinux
import Glibc
public import SANModel
import SystemPackage

/// The kernel's device-mapper, through libdevmapper.
///
/// There is one for the process: the library's log function and its open control device are process-wide, and its calls know nothing of threads.
/// All of them run on one thread of their own. None uses udev cookies, so none ever waits for udev.
///
/// Requires: root.
public final class DeviceMapper: DeviceMapperAccess {
    public static let shared = DeviceMapper()

    private let calls = Calls()

    private init() {}

    /// `1.02.185 (2022-05-18)`: libdevmapper's version.
    public static var libraryVersion: String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            guard let start = buffer.baseAddress, unsafe dm_get_library_version(start, buffer.count) != 0 else {
                return nil
            }
            return unsafe String(cString: start)
        }
    }

    public func multipathMaps(until deadline: Deadline) async throws(StorageError) -> MappedDeviceList {
        try await call(until: deadline, "the list of device-mapper devices") { () throws(StorageError) in
            let list = try DeviceMapperTask.make(.list)
            guard try list.run() else { return MappedDeviceList() }
            var result = MappedDeviceList()
            for number in try list.numbers().sorted() {
                do throws(StorageError) {
                    if let device = try Self.read(.number(number)), device.isMultipath { result.devices.append(device) }
                } catch {
                    result.problems.append(error)
                }
            }
            return result
        }
    }

    public func device(uuid: String, until deadline: Deadline) async throws(StorageError) -> MappedDevice? {
        try await call(until: deadline, "device-mapper's word on \(uuid.printable)") { () throws(StorageError) in
            try Self.read(.uuid(uuid))
        }
    }

    public func remove(uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool {
        try await call(until: deadline, "device-mapper to remove \(uuid.printable)") { () throws(StorageError) in
            try DeviceMapperTask.make(.remove, of: .uuid(uuid)).run()
        }
    }

    public func resume(uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool {
        try await call(until: deadline, "device-mapper to resume \(uuid.printable)") { () throws(StorageError) in
            try DeviceMapperTask.make(.resume, of: .uuid(uuid)).run()
        }
    }

    public func send(
        message: String, toUUID uuid: String, until deadline: Deadline
    ) async throws(StorageError) -> Bool {
        try await call(until: deadline, "device-mapper to take '\(message)'") { () throws(StorageError) in
            let task = try DeviceMapperTask.make(.message, of: .uuid(uuid))
            try task.setMessage(message)
            return try task.run()
        }
    }

    // MARK: On the thread

    /// A device with its targets' state, and with the table of a multipath map only: others' tables may hold keys.
    private static func read(_ device: DeviceMapperTask.Device) throws(StorageError) -> MappedDevice? {
        let status = try DeviceMapperTask.make(.status, of: device)
        guard try status.run(), var found = try status.answer() else { return nil }
        found.status = try status.targets()
        guard found.isMultipath else { return found }
        let table = try DeviceMapperTask.make(.table, of: device)
        // Another device may have come to the number between the two questions.
        guard try table.run(), let again = try table.answer(), again.name == found.name, again.uuid == found.uuid else {
            return nil
        }
        found.table = try table.targets()
        return found
    }

    /// Opens the control device first, to learn why it can't be: libdevmapper says so in words only, and makes a node where there is none.
    private static func checkControl() throws(StorageError) {
        let path = try HostRoot("/").resolve("/dev/mapper/control")
        let descriptor = unsafe san_file_open(AT_FDCWD, path.string, O_RDWR, 0)
        guard descriptor >= 0 else {
            switch -descriptor {
            case EACCES, EPERM:
                throw StorageError(
                    .permissionDenied, "Only root may ask device-mapper: run this as root", subject: .path(path.string))
            case ENOENT, ENODEV, ENXIO:
                throw StorageError(
                    .unavailable, "The kernel has no device-mapper: modprobe dm-mod", subject: .path(path.string))
            case let code: throw StorageError.system(Errno(rawValue: code), "open", at: path)
            }
        }
        san_file_close(descriptor)
    }

    private func call<Value: Sendable>(
        until deadline: Deadline, _ what: String, _ body: @escaping @Sendable () throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let calls = calls
        return try await withBlockingCall(
            until: deadline, waitingFor: what, startedBy: { work in Task { await calls.run(work) } },
            { () throws(StorageError) in
                try Self.checkControl()
                // The control device isn't kept open: libdevmapper opens it so that programs we start would inherit it.
                defer { dm_lib_release() }
                return try body()
            })
    }

    /// The thread of every call.
    private actor Calls {
        private let thread = BlockingThread(name: "san-devmapper")
        private var isPrepared = false

        nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

        func run(_ work: @Sendable () -> Void) {
            if !isPrepared {
                san_dm_prepare()
                isPrepared = true
            }
            work()
        }
    }
}
