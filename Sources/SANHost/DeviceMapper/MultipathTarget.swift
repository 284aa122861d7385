public import SANModel

/// What the table and the status of a multipath target say together.
///
/// Their form is that of the kernel's `dm-mpath.c`, and of its path selectors, whose arguments are counted and not understood.
public struct MultipathTarget: Sendable, Hashable {
    static let type = "multipath"

    /// `queue_if_no_path`, `pg_init_retries 50`, `queue_mode bio`; in the kernel's order, an argument behind its name.
    public var features: [String]
    /// `alua`, `emc`; nil where it has none.
    public var hardwareHandler: String?
    public var groups: [Group]

    /// Paths that are used together.
    public struct Group: Sendable, Hashable {
        public var state: State
        /// How a path is chosen for each request, with its arguments: `service-time 0`.
        public var selector: String
        public var paths: [Path]

        /// By the words of `multipath -ll`.
        public enum State: String, Sendable, Hashable {
            case active, enabled, disabled
        }
    }

    /// One path, as the kernel uses it.
    public struct Path: Sendable, Hashable {
        public var device: DeviceNumber
        /// False for one that has failed and isn't used.
        public var isActive: Bool
        /// How often it has failed since the map was made.
        public var failures: UInt32
    }

    /// Whether requests wait without end while no path works.
    public var queuesWithoutPaths: Bool { features.contains("queue_if_no_path") }

    public var paths: [Path] { groups.flatMap(\.paths) }

    /// How a path is chosen, in the group that is in use.
    public var policy: String? { (groups.first { $0.state == .active } ?? groups.first)?.selector }

    /// - Parameters:
    ///   - table: `1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:64 1 1 8:80 1 1`
    ///   - status: `2 0 1 0 1 1 A 0 2 2 8:64 A 0 0 1 8:80 F 1 0 1`
    /// - Throws: `host_failure` for what isn't such a line, and for two lines of different maps.
    public init(table: String, status: String) throws(StorageError) {
        var words = Words(table, of: "table")
        features = MultipathTarget.named(try words.arguments())
        hardwareHandler = try words.arguments().first
        let count = try words.number()
        _ = try words.number()
        var state = Words(status, of: "status")
        _ = try state.arguments()
        _ = try state.arguments()
        guard try state.number() == count else { throw state.malformed("its groups aren't the table's") }
        _ = try state.number()
        groups = []
        for _ in 0..<count {
            var selector = [try words.next()]
            let arguments = try words.arguments()
            selector += ["\(arguments.count)"] + arguments
            let (paths, width) = (try words.number(), try words.number())
            let group = try MultipathTarget.state(try state.next(), of: state)
            _ = try state.arguments()
            guard try state.number() == paths else { throw state.malformed("its paths aren't the table's") }
            let statusWidth = try state.number()
            var members: [Path] = []
            for _ in 0..<paths {
                let device = try words.device()
                try words.skip(width)
                guard try state.device() == device else { throw state.malformed("its paths aren't the table's") }
                let isActive: Bool
                switch try state.next() {
                case "A": isActive = true
                case "F": isActive = false
                case let word: throw state.malformed("'\(word.printable)' is no state of a path")
                }
                members.append(Path(device: device, isActive: isActive, failures: UInt32(clamping: try state.number())))
                try state.skip(statusWidth)
            }
            groups.append(Group(state: group, selector: selector.joined(separator: " "), paths: members))
        }
        try words.end()
        try state.end()
    }

    private static func state(_ word: String, of words: Words) throws(StorageError) -> Group.State {
        switch word {
        case "A": .active
        case "E": .enabled
        case "D": .disabled
        default: throw words.malformed("'\(word.printable)' is no state of a group")
        }
    }

    /// The features that the kernel counts as two words, put together.
    private static func named(_ words: [String]) -> [String] {
        let withArgument: Set = ["pg_init_retries", "pg_init_delay_msecs", "queue_mode"]
        var features: [String] = []
        var words = words[...]
        while let word = words.popFirst() {
            let argument = withArgument.contains(word) ? words.popFirst() : nil
            features.append(argument.map { "\(word) \($0)" } ?? word)
        }
        return features
    }

    /// The words of a line, taken one after another; no count in it can be larger than what is left.
    private struct Words {
        private var rest: ArraySlice<Substring>
        private let line: String

        /// A line of 64 KiB is many thousand paths.
        private static let limit = 1 << 20

        init(_ text: String, of line: String) {
            self.line = line
            rest = text.utf8.count <= Words.limit ? text.split(separator: " ")[...] : []
        }

        func malformed(_ reason: String) -> StorageError {
            StorageError(.hostFailure, "The \(line) of the multipath target makes no sense: \(reason)")
        }

        mutating func next() throws(StorageError) -> String {
            guard let word = rest.popFirst() else { throw malformed("it ends too early") }
            return String(word)
        }

        mutating func number() throws(StorageError) -> Int {
            let word = try next()
            guard let number = UInt64(decimal: word).flatMap(Int.init(exactly:)) else {
                throw malformed("'\(word.printable)' is no number")
            }
            return number
        }

        mutating func device() throws(StorageError) -> DeviceNumber {
            let word = try next()
            guard let number = DeviceNumber(word) else { throw malformed("'\(word.printable)' is no device") }
            return number
        }

        /// A count, and so many words.
        mutating func arguments() throws(StorageError) -> [String] {
            let count = try number()
            guard count <= rest.count else { throw malformed("it ends too early") }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count).map(String.init)
        }

        mutating func skip(_ count: Int) throws(StorageError) {
            guard count <= rest.count else { throw malformed("it ends too early") }
            rest = rest.dropFirst(count)
        }

        func end() throws(StorageError) {
            guard rest.isEmpty else { throw malformed("there is more than it says") }
        }
    }
}
