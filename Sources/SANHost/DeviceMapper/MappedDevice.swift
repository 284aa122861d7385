public import SANModel

/// A device-mapper device, as the kernel has it at this moment.
public struct MappedDevice: Sendable, Hashable {
    /// Below `/dev/mapper`, as the kernel has it.
    public var name: String
    /// `mpath-3600…`, `LVM-…`; empty where it has none.
    public var uuid: String
    public var number: DeviceNumber
    /// I/O waits until it is resumed.
    public var isSuspended = false
    /// Whether it has a table to work by; without one nothing can be read or written.
    public var hasTable = true
    /// By how many it is held open: mounts, maps that stand on it, programs.
    public var openCount: UInt32 = 0
    public var isReadOnly = false
    /// A removal was asked for that takes place when the last user closes it (L44).
    public var goesWhenClosed = false
    /// What the table says, and how each target is doing; the parameters' form is the target's own.
    public var table: [Target] = []
    public var status: [Target] = []

    public init(name: String, uuid: String, number: DeviceNumber) {
        self.name = name
        self.uuid = uuid
        self.number = number
    }

    /// One run of sectors of a device.
    public struct Target: Sendable, Hashable {
        /// In sectors of 512 bytes.
        public var start: UInt64
        public var length: UInt64
        /// `multipath`, `linear`, `error`.
        public var type: String
        public var parameters: String

        public init(start: UInt64, length: UInt64, type: String, parameters: String) {
            self.start = start
            self.length = length
            self.type = type
            self.parameters = parameters
        }
    }

    /// The kernel's name, `dm-3`.
    public var device: String { "dm-\(number.minor)" }

    public var path: String { DeviceMapping(device: device, name: name, uuid: uuid).path }

    /// The WWID of a multipath map (L33: by the UUID, whatever its name is); nil where it has none.
    public var multipathWWID: String? {
        DeviceMapping(device: device, name: name, uuid: uuid).multipathWWID
    }

    /// Whether it is a multipath map: by its UUID, or by its first target, as libvirt tells.
    public var isMultipath: Bool {
        multipathWWID != nil || status.first?.type == MultipathTarget.type
    }
}

/// What one look at all devices gave.
public struct MappedDeviceList: Sendable, Hashable {
    public var devices: [MappedDevice]
    /// Devices that can't be read, each with its number.
    public var problems: [StorageError]

    public init(devices: [MappedDevice] = [], problems: [StorageError] = []) {
        self.devices = devices
        self.problems = problems
    }
}
