public import SANModel

/// The door to device-mapper.
public protocol DeviceMapperAccess: Sendable {
    /// Every multipath map, by its number; a device that can't be read is a problem beside the others.
    ///
    /// Equivalent to: `dmsetup status`, and `dmsetup table` of the multipath maps
    ///
    /// - Throws: `unavailable`, `permission_denied`, `timed_out`, `cancelled`, `host_failure`.
    func multipathMaps(until deadline: Deadline) async throws(StorageError) -> MappedDeviceList

    /// A device by its UUID, with its table; nil where there is none.
    ///
    /// - Throws: `unavailable`, `permission_denied`, `timed_out`, `cancelled`, `host_failure`.
    func device(uuid: String, until deadline: Deadline) async throws(StorageError) -> MappedDevice?

    /// Removes a device that nobody has open; never by force, never later.
    ///
    /// Equivalent to: `dmsetup remove --uuid UUID`
    ///
    /// - Returns: false where there is none.
    /// - Throws: `busy` for one that is open, `unavailable`, `permission_denied`, `timed_out`, `cancelled`, `host_failure`.
    func remove(uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool

    /// Lets a suspended device go on.
    ///
    /// - Returns: false where there is none.
    /// - Throws: `unavailable`, `permission_denied`, `timed_out`, `cancelled`, `host_failure`.
    func resume(uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool

    /// Sends a message to a device's target: `fail_if_no_path`.
    ///
    /// - Returns: false where there is no such device.
    /// - Throws: `unavailable`, `permission_denied`, `timed_out`, `cancelled`, `host_failure`.
    func send(message: String, toUUID uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool
}

extension HostRoot {
    /// This host's device-mapper; a captured tree has none.
    public var deviceMapper: any DeviceMapperAccess {
        root == "/" ? DeviceMapper.shared : NoDeviceMapper()
    }
}

/// The device-mapper of a tree of files, which has no kernel.
private struct NoDeviceMapper: DeviceMapperAccess {
    private var error: StorageError {
        StorageError(.unavailable, "There is no device-mapper in a captured tree of files")
    }

    func multipathMaps(until deadline: Deadline) async throws(StorageError) -> MappedDeviceList { throw error }
    func device(uuid: String, until deadline: Deadline) async throws(StorageError) -> MappedDevice? { throw error }
    func remove(uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool { throw error }
    func resume(uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool { throw error }
    func send(message: String, toUUID uuid: String, until deadline: Deadline) async throws(StorageError) -> Bool {
        throw error
    }
}
