/// What a volume is to the host.
public enum VolumeType: String, Sendable, Hashable, CaseIterable {
    case file, block, dir, network, netdir, ploop
}

/// The format of a volume: of a file by its header, of a partition by its type; `raw`, `qcow2`, `linux-swap`, `ext4` and so on.
public struct VolumeFormat: Sendable, Hashable, RawRepresentable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public init(stringLiteral value: String) {
        rawValue = value
    }

    public var description: String { rawValue }

    public static let raw: VolumeFormat = "raw"
    public static let qcow2: VolumeFormat = "qcow2"
    public static let directory: VolumeFormat = "dir"

    /// Formats of files, as libvirt's schema lists them.
    public static let files: Set<VolumeFormat> = [
        "unknown", "none", "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "luks",
        "cow", "qcow", "qcow2", "qed", "vmdk",
    ]
    /// Formats of file systems.
    public static let fileSystems: Set<VolumeFormat> = [
        "none", "auto", "ext2", "ext3", "ext4", "ufs", "iso9660", "udf", "gfs", "gfs2", "vfat", "hfs+", "xfs", "ocfs2",
        "vmfs",
    ]
    /// Types of partitions.
    public static let partitions: Set<VolumeFormat> = [
        "none", "linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid", "extended",
    ]
}

/// A `<volume>` document.
public struct VolumeDefinition: Sendable, Hashable {
    public var type: VolumeType?
    public var name: String
    public var key: String?
    /// The devices of `<source><device path=…><extent …/></device></source>`.
    public var sourceDevices: [SourceDevice]
    public var capacity: ByteCount?
    public var allocation: ByteCount?
    /// Output only: the space that the volume takes on the host.
    public var physical: ByteCount?
    public var target: VolumeTarget
    public var backingStore: BackingStore?
    public var imageSettings: ImageSettings?
    public var foreign: ForeignContent

    public init(name: String, type: VolumeType? = nil, capacity: ByteCount? = nil) {
        self.name = name
        self.type = type
        self.capacity = capacity
        sourceDevices = []
        target = VolumeTarget()
        foreign = ForeignContent()
    }

    public struct SourceDevice: Sendable, Hashable {
        public var path: String
        public var extents: [Extent]

        public init(path: String, extents: [Extent] = []) {
            self.path = path
            self.extents = extents
        }
    }
}

/// `<target>` of a volume.
public struct VolumeTarget: Sendable, Hashable {
    public var path: String?
    public var format: VolumeFormat?
    public var permissions: Permissions?
    public var timestamps: Timestamps?
    public var encryption: EncryptionDefinition?
    /// qcow2's compatibility level: `0.10` or `1.1`.
    public var compat: String?
    /// Copy-on-write off for this file, on btrfs.
    public var noCopyOnWrite: Bool
    /// qcow2's cluster size.
    public var clusterSize: ByteCount?
    /// `<features>`; nil where the element isn't there.
    public var features: Features?
    public var foreign: ForeignContent

    public init(path: String? = nil, format: VolumeFormat? = nil) {
        self.path = path
        self.format = format
        noCopyOnWrite = false
        foreign = ForeignContent()
    }

    public struct Features: Sendable, Hashable {
        public var lazyRefcounts: Bool
        public var extendedL2: Bool

        public init(lazyRefcounts: Bool = false, extendedL2: Bool = false) {
            self.lazyRefcounts = lazyRefcounts
            self.extendedL2 = extendedL2
        }
    }
}

/// `<timestamps>`: each nil where it isn't known.
public struct Timestamps: Sendable, Hashable {
    public var access: Timestamp?
    public var birth: Timestamp?
    public var change: Timestamp?
    public var modification: Timestamp?

    public init(
        access: Timestamp? = nil, birth: Timestamp? = nil, change: Timestamp? = nil, modification: Timestamp? = nil
    ) {
        self.access = access
        self.birth = birth
        self.change = change
        self.modification = modification
    }
}

/// `<backingStore>`: the image that a copy-on-write volume stands on, one level of it.
public struct BackingStore: Sendable, Hashable {
    public var path: String?
    public var format: VolumeFormat?
    public var permissions: Permissions?
    public var timestamps: Timestamps?
    public var foreign: ForeignContent

    public init(path: String?, format: VolumeFormat? = nil) {
        self.path = path
        self.format = format
        foreign = ForeignContent()
    }
}
