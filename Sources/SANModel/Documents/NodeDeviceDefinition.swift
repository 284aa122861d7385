/// A `<device>` document of a SCSI host: a physical HBA, or a vHBA to create.
public struct NodeDeviceDefinition: Sendable, Hashable {
    /// `scsi_host5`; nil in a document that creates one.
    public var name: String?
    /// Where it is in sysfs, output only.
    public var path: String?
    public var deviceNodes: [DeviceNode]
    public var parent: Parent?
    /// The kernel driver, output only.
    public var driver: String?
    public var scsiHost: SCSIHost?
    public var foreign: ForeignContent

    public init(name: String? = nil, parent: Parent? = nil, scsiHost: SCSIHost? = nil) {
        self.name = name
        self.parent = parent
        self.scsiHost = scsiHost
        deviceNodes = []
        foreign = ForeignContent()
    }

    /// A `<devnode type='dev'>/dev/…</devnode>`.
    public struct DeviceNode: Sendable, Hashable {
        public var type: String
        public var path: String

        public init(type: String, path: String) {
            self.type = type
            self.path = path
        }
    }

    /// The HBA to create a vHBA on.
    public enum Parent: Sendable, Hashable {
        case name(String)
        case ports(wwnn: WWN, wwpn: WWN)
        case fabric(WWN)
    }

    /// The `<capability type='scsi_host'>` element.
    public struct SCSIHost: Sendable, Hashable {
        public var host: UInt32?
        public var uniqueID: UInt32?
        public var fibreChannel: FibreChannel?
        /// `<capability type='vport_ops'>`: the most vports there can be, and how many there are.
        public var vports: VPorts?
        public var foreign: ForeignContent

        public init(host: UInt32? = nil, fibreChannel: FibreChannel? = nil) {
            self.host = host
            self.fibreChannel = fibreChannel
            foreign = ForeignContent()
        }
    }

    /// `<capability type='fc_host'>`; names that are left out are generated.
    public struct FibreChannel: Sendable, Hashable {
        public var wwnn: WWN?
        public var wwpn: WWN?
        public var fabricWWN: WWN?

        public init(wwnn: WWN? = nil, wwpn: WWN? = nil, fabricWWN: WWN? = nil) {
            self.wwnn = wwnn
            self.wwpn = wwpn
            self.fabricWWN = fabricWWN
        }
    }

    public struct VPorts: Sendable, Hashable {
        public var maximum: UInt32
        public var inUse: UInt32

        public init(maximum: UInt32, inUse: UInt32) {
            self.maximum = maximum
            self.inUse = inUse
        }
    }
}
