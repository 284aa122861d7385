/// A volume as a refresh saw it: its document, and the identity that XML has no place for.
public struct Volume: Sendable, Hashable {
    /// Name, key, path, sizes, format, permissions, timestamps, backing store.
    public var definition: VolumeDefinition
    /// What SCSI says of it; nil for a file or an image.
    public var unit: LogicalUnit?
    /// Which file it is; nil for what isn't one.
    public var file: FileIdentity?
    /// Which image of a Ceph cluster it is; nil for what isn't one.
    public var image: ImageIdentity?
    /// The image that a clone or snapshot stems from.
    public var parent: String?
    /// How many snapshots it has, where the backend has any.
    public var snapshots: Int?
    /// What is wrong with this volume, and only with it.
    public var problems: [Problem]
    /// Whether it couldn't be seen if it is encrypted: nobody may take it for a plain one then.
    public var isEncryptionUnknown = false
    /// Whether its allocation is nothing but its capacity, as nobody counts what it takes.
    public var isAllocationUncounted = false

    public init(
        _ definition: VolumeDefinition, unit: LogicalUnit? = nil, file: FileIdentity? = nil, problems: [Problem] = []
    ) {
        self.definition = definition
        self.unit = unit
        self.file = file
        self.problems = problems
    }

    /// Whether its pool decrypts what is read of it, where the secret is known: that of an encrypted image does, and nobody else's.
    public var isDecrypted: Bool { image != nil && definition.target.encryption != nil }

    public var name: String { definition.name }
    /// Falls back to the path, then to the name.
    public var key: String { definition.key ?? definition.target.path ?? definition.name }
    public var path: String { definition.target.path ?? "" }
}

/// A logical unit of a SCSI target: what it says of itself, and the ways to it.
public struct LogicalUnit: Sendable, Hashable {
    public var lun: LogicalUnitNumber
    public var deviceType: SCSIDeviceType
    /// The identity that everything destructive is checked against: VPD page 0x83, else 0x80, as `scsi_id` prints it; nil where it has none.
    public var wwid: String?
    public var serial: String?
    public var vendor: String?
    public var product: String?
    public var revision: String?
    /// `HOST:CHANNEL:TARGET:LUN`, where the kernel has it.
    public var hctl: String?
    /// `iscsi`, `fc`, `sas`, `fcoe` and so on.
    public var transport: String?
    /// In bytes, where it is known.
    public var blockSize: UInt32?
    /// The path of the multipath map that it is a path of, or that it is.
    public var multipath: String?
    /// How the map works, for the volume of a multipath map.
    public var map: MultipathMap?
    public var paths: [Path]
    /// Links below `/dev/disk/by-path` and `/dev/disk/by-id`.
    public var linksByPath: [String]
    public var linksByID: [String]

    public init(lun: LogicalUnitNumber, deviceType: SCSIDeviceType) {
        self.lun = lun
        self.deviceType = deviceType
        paths = []
        linksByPath = []
        linksByID = []
    }

    /// One way to a logical unit.
    public struct Path: Sendable, Hashable {
        /// The kernel's device, `sdb`; nil where the host has none.
        public var device: String?
        /// The SCSI device's state, `running` or `offline`; for a path of a multipath map three words, as `multipath -ll` prints them: whether the
        /// kernel uses it (`active`, `failed`), what the checker saw (`ready`, `faulty`, `undef` without multipathd), the SCSI device's state.
        public var state: String?
        /// An iSCSI portal, `10.0.0.1:3260`.
        public var portal: String?
        /// A Fibre Channel or SAS port's name.
        public var port: String?
        public var hctl: String?

        public init(
            device: String? = nil, state: String? = nil, portal: String? = nil, port: String? = nil, hctl: String? = nil
        ) {
            self.device = device
            self.state = state
            self.portal = portal
            self.port = port
            self.hctl = hctl
        }
    }
}

/// The peripheral device type of INQUIRY, SPC-5 table 147, by the names of our JSON.
public enum SCSIDeviceType: String, Sendable, Hashable, CaseIterable {
    case disk, cdrom, tape, changer, controller, enclosure, processor, other

    /// - Parameter code: the five bits of byte 0 of INQUIRY.
    public init(code: UInt8) {
        self =
            switch code & 0x1F {
            case 0x00, 0x0E: .disk
            case 0x01: .tape
            case 0x03: .processor
            case 0x05: .cdrom
            case 0x08: .changer
            case 0x0C: .controller
            case 0x0D: .enclosure
            default: .other
            }
    }
}
