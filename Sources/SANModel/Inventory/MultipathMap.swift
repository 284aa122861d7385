/// How a multipath map uses its paths, as device-mapper has it.
public struct MultipathMap: Sendable, Hashable {
    /// Its name below `/dev/mapper`.
    public var alias: String
    /// How a path is chosen for each request, in the group in use, with its arguments: `service-time 0`.
    public var policy: String?
    /// `queue_if_no_path`, `pg_init_retries 50`.
    public var features: [String]
    /// `alua`; nil where it has none.
    public var hardwareHandler: String?
    /// Whether requests wait without end while no path works.
    public var isQueueing: Bool
    public var groups: [Group]

    public init(
        alias: String, policy: String? = nil, features: [String] = [], hardwareHandler: String? = nil,
        isQueueing: Bool = false, groups: [Group] = []
    ) {
        self.alias = alias
        self.policy = policy
        self.features = features
        self.hardwareHandler = hardwareHandler
        self.isQueueing = isQueueing
        self.groups = groups
    }

    /// Paths that are used together.
    public struct Group: Sendable, Hashable {
        /// `active`, `enabled`, `disabled`.
        public var state: String
        /// `service-time 0`.
        public var selector: String
        /// The kernel's names, `sdb`, or numbers where it has no names for them.
        public var devices: [String]

        public init(state: String, selector: String, devices: [String]) {
            self.state = state
            self.selector = selector
            self.devices = devices
        }
    }
}
