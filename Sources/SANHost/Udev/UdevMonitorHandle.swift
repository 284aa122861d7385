import CLibUdev
import Glibc
import SANModel
import SystemPackage

/// `struct udev_monitor` of libudev, which one thread at a time may use.
@safe
struct UdevMonitorHandle: ~Copyable {
    private let context: OpaquePointer
    private let monitor: OpaquePointer
    /// Readable when there is an event.
    let descriptor: Int32

    /// Begins to listen.
    ///
    /// - Parameter subsystems: none for all of them.
    /// - Throws: `host_failure`.
    static func listening(
        to subsystems: Set<String>, receiveBuffer: Int32
    ) throws(StorageError) -> UdevMonitorHandle {
        let handle = try UdevMonitorHandle()
        for subsystem in subsystems.sorted() {
            let result = unsafe udev_monitor_filter_add_match_subsystem_devtype(handle.monitor, subsystem, nil)
            guard result >= 0 else { throw UdevMonitorHandle.failure("choose udev's events", -result) }
        }
        // An ordinary user keeps the kernel's own size: events may then be lost sooner, and that is told as an event.
        _ = unsafe udev_monitor_set_receive_buffer_size(handle.monitor, receiveBuffer)
        let result = unsafe udev_monitor_enable_receiving(handle.monitor)
        guard result >= 0 else { throw UdevMonitorHandle.failure("listen to udev", -result) }
        return handle
    }

    private init() throws(StorageError) {
        guard let context = unsafe udev_new() else { throw UdevMonitorHandle.failure("start libudev", errno) }
        guard let monitor = unsafe udev_monitor_new_from_netlink(context, "udev") else {
            let code = errno
            unsafe udev_unref(context)
            throw UdevMonitorHandle.failure("listen to udev", code)
        }
        unsafe self.context = unsafe context
        unsafe self.monitor = unsafe monitor
        descriptor = unsafe udev_monitor_get_fd(monitor)
    }

    deinit {
        unsafe udev_monitor_unref(monitor)
        unsafe udev_unref(context)
    }

    /// The next event, without waiting; nil where there is none.
    ///
    /// - Throws: `host_failure`.
    func receive() throws(StorageError) -> DeviceEvent? {
        errno = 0
        guard let device = unsafe udev_monitor_receive_device(monitor) else {
            switch errno {
            case ENOBUFS: return DeviceEvent(action: "", subsystem: "", path: "")
            // Nothing there, or something that wasn't udevd's (libudev checks who sent it).
            case 0, EAGAIN, EINTR, EBADMSG, EINVAL, ENODEV, ENOENT: return nil
            case let code: throw UdevMonitorHandle.failure("hear udev's events", code)
            }
        }
        defer { unsafe udev_device_unref(device) }
        return DeviceEvent(
            action: unsafe UdevMonitorHandle.text(udev_device_get_action(device)),
            subsystem: unsafe UdevMonitorHandle.text(udev_device_get_subsystem(device)),
            path: unsafe UdevMonitorHandle.text(udev_device_get_devpath(device)))
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String {
        unsafe pointer.map { unsafe String(cString: $0) } ?? ""
    }

    private static func failure(_ action: String, _ code: Int32) -> StorageError {
        StorageError(.hostFailure, "Can't \(action): \(Errno(rawValue: code))")
    }
}
