import CDeviceMapper
import Glibc
import SANModel

/// One request to device-mapper, and its answer: `struct dm_task` of libdevmapper.
///
/// The library keeps state of its own for the whole process: only ever used on ``DeviceMapper``'s thread.
@safe struct DeviceMapperTask: ~Copyable {
    /// What is asked, `DM_DEVICE_…`.
    enum Kind: String {
        case list, info, status, table, remove, resume, message

        fileprivate var code: Int32 {
            switch self {
            case .list: Int32(DM_DEVICE_LIST)
            case .info: Int32(DM_DEVICE_INFO)
            case .status: Int32(DM_DEVICE_STATUS)
            case .table: Int32(DM_DEVICE_TABLE)
            case .remove: Int32(DM_DEVICE_REMOVE)
            case .resume: Int32(DM_DEVICE_RESUME)
            case .message: Int32(DM_DEVICE_TARGET_MSG)
            }
        }
    }

    /// Which device is meant.
    enum Device {
        case number(DeviceNumber), uuid(String)

        var description: String {
            switch self {
            case .number(let number): number.description
            case .uuid(let uuid): uuid.printable
            }
        }
    }

    private let kind: Kind
    private let device: Device?
    private let task: OpaquePointer

    private init(_ kind: Kind, _ device: Device?, _ task: OpaquePointer) {
        self.kind = kind
        self.device = device
        unsafe self.task = task
    }

    /// - Throws: `host_failure` where there is no memory, `invalid_argument` for a UUID that can't be one.
    static func make(_ kind: Kind, of device: Device? = nil) throws(StorageError) -> DeviceMapperTask {
        san_dm_forget_message()
        guard let task = unsafe dm_task_create(kind.code) else {
            throw StorageError(.hostFailure, "libdevmapper has no memory for a request")
        }
        let request = unsafe DeviceMapperTask(kind, device, task)
        try request.select()
        return request
    }

    private func select() throws(StorageError) {
        let isAccepted =
            switch device {
            case .number(let number):
                unsafe dm_task_set_major_minor(
                    task, Int32(clamping: number.major), Int32(clamping: number.minor), 0) != 0
            case .uuid(let uuid): unsafe dm_task_set_uuid(task, uuid) != 0
            case nil: true
            }
        guard isAccepted else { throw failure(.invalidArgument) }
    }

    deinit {
        unsafe dm_task_destroy(task)
    }

    /// Gives a message its text, for the first target.
    func setMessage(_ text: String) throws(StorageError) {
        guard unsafe dm_task_set_message(task, text) != 0, unsafe dm_task_set_sector(task, 0) != 0 else {
            throw failure(.invalidArgument)
        }
    }

    /// Asks the kernel.
    ///
    /// - Returns: false where there is no such device.
    /// - Throws: `busy`, `permission_denied`, `host_failure`.
    func run() throws(StorageError) -> Bool {
        // A status must not make a target write its metadata out first.
        if kind == .status || kind == .table { unsafe dm_task_no_flush(task) }
        if unsafe dm_task_run(task) != 0 { return true }
        switch unsafe dm_task_get_errno(task) {
        case ENXIO, ENODEV: return false
        case EBUSY: throw failure(.busy)
        case EPERM, EACCES: throw failure(.permissionDenied)
        default: throw failure(.hostFailure)
        }
    }

    /// The device of the answer, without its targets; nil where there is none.
    func answer() throws(StorageError) -> MappedDevice? {
        var info = dm_info()
        guard unsafe dm_task_get_info(task, &info) != 0 else { throw failure(.hostFailure) }
        guard info.exists != 0 else { return nil }
        var device = MappedDevice(
            name: unsafe text(dm_task_get_name(task)), uuid: unsafe text(dm_task_get_uuid(task)),
            number: DeviceNumber(major: info.major, minor: info.minor))
        device.isSuspended = info.suspended != 0
        device.hasTable = info.live_table != 0
        device.openCount = UInt32(clamping: info.open_count)
        device.isReadOnly = info.read_only != 0
        device.goesWhenClosed = info.deferred_remove != 0
        return device
    }

    /// The targets of the answer to `status` and `table`, with their parameters.
    func targets() throws(StorageError) -> [MappedDevice.Target] {
        var targets: [MappedDevice.Target] = []
        var next: UnsafeMutableRawPointer?
        repeat {
            var start: UInt64 = 0
            var length: UInt64 = 0
            var type: UnsafeMutablePointer<CChar>?
            var parameters: UnsafeMutablePointer<CChar>?
            unsafe next = unsafe dm_get_next_target(task, next, &start, &length, &type, &parameters)
            if unsafe type != nil {
                let (type, parameters) = unsafe (text(type), text(parameters))
                targets.append(
                    MappedDevice.Target(start: start, length: length, type: type, parameters: parameters))
            }
        } while unsafe next != nil
        return targets
    }

    /// The devices of the answer to `list`.
    func numbers() throws(StorageError) -> [DeviceNumber] {
        guard var entry = unsafe UnsafeRawPointer(dm_task_get_names(task)) else { throw failure(.hostFailure) }
        var numbers: [DeviceNumber] = []
        while true {
            let names = unsafe entry.load(as: dm_names.self)
            // No devices at all are one entry without a device.
            guard names.dev != 0 else { return numbers }
            // The kernel's old form of a device number, as `MAJOR` and `MINOR` of <linux/kdev_t.h> read it.
            let major = UInt32(truncatingIfNeeded: (names.dev >> 8) & 0xFFF)
            let minor = UInt32(truncatingIfNeeded: (names.dev & 0xFF) | ((names.dev >> 12) & 0xF_FF00))
            numbers.append(DeviceNumber(major: major, minor: minor))
            guard names.next != 0 else { return numbers }
            unsafe entry += Int(names.next)
        }
    }

    private func text(_ pointer: UnsafePointer<CChar>?) -> String {
        unsafe pointer.map { unsafe String(cString: $0) } ?? ""
    }

    /// What libdevmapper said when the last call failed.
    private func failure(_ code: StorageError.Code) -> StorageError {
        let said = unsafe String(cString: san_dm_message()).printable
        let subject = device.map { StorageError.Subject.device($0.description) } ?? StorageError.Subject()
        return StorageError(
            code, "Device-mapper refuses '\(kind.rawValue)'" + (said.isEmpty ? "" : ": \(said)"), subject: subject)
    }
}
