public import SANModel

/// What of device-mapper the kernel has, without asking device-mapper itself.
public enum DeviceMapperSupport {
    /// Whether the kernel has device-mapper: its control device is there.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func isThere(on host: HostRoot) throws(StorageError) -> Bool {
        try SysfsFolder("/dev/mapper/control", on: host).exists()
    }

    /// Whether it knows multipath maps, as a module or built in.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func hasMultipath(on host: HostRoot) throws(StorageError) -> Bool {
        try SysfsFolder("/sys/module/dm_multipath", on: host).exists()
    }
}
