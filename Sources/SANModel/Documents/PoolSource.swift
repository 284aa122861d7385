/// `<source>` of a pool: where the storage is.
///
/// Which members are used depends on the pool's type.
public struct PoolSource: Sendable, Hashable {
    public var hosts: [Host]
    public var devices: [Device]
    /// The path of `<dir path=…/>`.
    public var directory: String?
    public var adapter: Adapter?
    /// `<name>`: volume group, Ceph pool (or `POOL/NAMESPACE`), Gluster volume and so on.
    public var name: String?
    /// The name of `<initiator><iqn name=…/></initiator>`.
    public var initiator: String?
    /// The type of `<format type=…/>`.
    public var format: String?
    public var authentication: Authentication?
    /// `<protocol ver=…/>` of an NFS mount.
    public var protocolVersion: String?
    public var vendor: String?
    public var product: String?
    public var foreign: ForeignContent

    public init() {
        hosts = []
        devices = []
        foreign = ForeignContent()
    }

    /// `<host name=… port=…/>`; an IPv6 address has no brackets.
    public struct Host: Sendable, Hashable {
        public var name: String
        /// Nil where it isn't given; the backend knows its default.
        public var port: UInt16?

        public init(name: String, port: UInt16? = nil) {
            self.name = name
            self.port = port
        }
    }

    /// `<device path=…>`: a device node, or the target's IQN.
    public struct Device: Sendable, Hashable {
        public var path: String
        /// Whether partitions of a device-mapper device get a `p` before their number.
        public var partitionSeparator: Bool?
        /// Free space of a disk pool, output only.
        public var freeExtents: [Extent]

        public init(path: String, partitionSeparator: Bool? = nil, freeExtents: [Extent] = []) {
            self.path = path
            self.partitionSeparator = partitionSeparator
            self.freeExtents = freeExtents
        }
    }

    /// Who logs in: `<auth type=… username=…><secret …/></auth>`.
    public struct Authentication: Sendable, Hashable {
        public enum Kind: String, Sendable, Hashable {
            case chap, ceph
        }

        public var kind: Kind
        public var username: String
        public var secret: SecretReference

        public init(kind: Kind, username: String, secret: SecretReference) {
            self.kind = kind
            self.username = username
            self.secret = secret
        }
    }

    /// `<adapter>` of a SCSI pool.
    public enum Adapter: Sendable, Hashable {
        /// `host5` or `scsi_host5`, as it was written.
        case scsiHost(name: String)
        /// The HBA at a PCI address whose `unique_id` in sysfs is this; nil takes the only one.
        case parentAddress(PCIAddress, uniqueID: UInt32?)
        case fibreChannel(FibreChannel)
    }

    /// `<adapter type='fc_host' …/>`: a virtual HBA.
    public struct FibreChannel: Sendable, Hashable {
        public var wwnn: WWN
        public var wwpn: WWN
        /// The parent HBA by name.
        public var parent: String?
        public var parentWWNN: WWN?
        public var parentWWPN: WWN?
        public var parentFabricWWN: WWN?
        /// Whether stopping the pool deletes the vHBA; nil where it isn't given.
        public var managed: Bool?

        public init(wwnn: WWN, wwpn: WWN) {
            self.wwnn = wwnn
            self.wwpn = wwpn
        }
    }
}

/// A run of bytes of a device, `end` not included in it as libvirt prints it.
public struct Extent: Sendable, Hashable {
    public var start: ByteCount
    public var end: ByteCount

    public init(start: ByteCount, end: ByteCount) {
        self.start = start
        self.end = end
    }
}

/// How a document names a secret.
public enum SecretReference: Sendable, Hashable {
    case uuid(StorageUUID)
    case usage(String)
}
