/// A `<pool>` document: what the administrator wants, and, when printed for a running pool, what the host says.
public struct PoolDefinition: Sendable, Hashable {
    public var type: PoolType
    /// Unique on the host; no `/` and no newline.
    public var name: String
    public var uuid: StorageUUID?
    /// Output only, as are ``allocation`` and ``available``.
    public var capacity: ByteCount?
    public var allocation: ByteCount?
    public var available: ByteCount?
    /// `<features><cow state=…/></features>`: copy-on-write on btrfs; `dir` and `fs` pools.
    public var copyOnWrite: Bool?
    public var source: PoolSource
    public var target: PoolTarget?
    /// `<refresh><volume allocation=…/></refresh>`; rbd pools.
    public var refresh: RefreshOverride?
    /// The names of `<fs:option>`; `fs` and `netfs` pools.
    public var mountOptions: [String]
    /// `<rbd:option>`, in order; rbd pools.
    public var configOptions: [ConfigOption]
    public var foreign: ForeignContent

    public init(
        type: PoolType, name: String, uuid: StorageUUID? = nil, source: PoolSource = PoolSource(),
        target: PoolTarget? = nil
    ) {
        self.type = type
        self.name = name
        self.uuid = uuid
        self.source = source
        self.target = target
        mountOptions = []
        configOptions = []
        foreign = ForeignContent()
    }

    /// How an rbd pool finds the allocation of its volumes.
    public struct RefreshOverride: Sendable, Hashable {
        public enum Allocation: String, Sendable, Hashable, CaseIterable {
            /// Real usage.
            case `default`
            /// The logical capacity, which costs nothing to find.
            case capacity
        }

        /// Nil where `<volume>` or its attribute is left out.
        public var allocation: Allocation?

        public init(allocation: Allocation?) {
            self.allocation = allocation
        }
    }

    /// One setting for `rados_conf_set`.
    public struct ConfigOption: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }
}

/// `<target>` of a pool.
public struct PoolTarget: Sendable, Hashable {
    /// Absolute; nil where a logical or zfs pool leaves it to the default.
    public var path: String?
    public var permissions: Permissions?
    public var foreign: ForeignContent

    public init(path: String?, permissions: Permissions? = nil) {
        self.path = path
        self.permissions = permissions
        foreign = ForeignContent()
    }
}

/// `<permissions>` of a pool's folder or a volume's file.
public struct Permissions: Sendable, Hashable {
    /// 0 to 0o7777 in a document, as files have it; 0o777 at most is accepted for what is made.
    public var mode: UInt32?
    /// Nil, or -1 in XML, leaves the owner alone.
    public var owner: UInt32?
    public var group: UInt32?
    /// The security label, an SELinux context.
    public var label: String?

    public init(mode: UInt32? = nil, owner: UInt32? = nil, group: UInt32? = nil, label: String? = nil) {
        self.mode = mode
        self.owner = owner
        self.group = group
        self.label = label
    }
}
