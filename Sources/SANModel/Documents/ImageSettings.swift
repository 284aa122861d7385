/// `<sanctl:image>` of a volume: what an image of a Ceph cluster is made of, where the cluster and the pool's options aren't to decide.
public struct ImageSettings: Sendable, Hashable {
    /// A power of two from 4 KiB to 32 MiB.
    public var objectSize: ByteCount?
    /// The objects that bytes are spread over in turn.
    public var striping: Striping?
    /// The pool that the data is in, where that isn't the image's own.
    public var dataPool: String?
    /// Nil for the defaults.
    public var features: Set<Feature>?
    /// By key: the user's own notes, and `conf_…`, options of librbd for this image.
    public var metadata: [String: String]

    public init() {
        metadata = [:]
    }

    public struct Striping: Sendable, Hashable {
        /// How much goes into one object before the next one's turn; a part of the object's size.
        public var unit: ByteCount
        /// Over how many objects.
        public var count: UInt64

        public init(unit: ByteCount, count: UInt64) {
            self.unit = unit
            self.count = count
        }
    }

    /// What can be chosen for an image, by the names of `rbd`.
    public enum Feature: String, Sendable, Hashable, CaseIterable, Comparable {
        case layering, striping
        case exclusiveLock = "exclusive-lock"
        case objectMap = "object-map"
        case fastDiff = "fast-diff"
        case deepFlatten = "deep-flatten"
        case journaling

        /// What it doesn't work without.
        public var requirement: Feature? {
            switch self {
            case .objectMap, .journaling: .exclusiveLock
            case .fastDiff: .objectMap
            default: nil
            }
        }

        /// In the order above, which is Ceph's.
        public static func < (left: Feature, right: Feature) -> Bool {
            let order = allCases
            return (order.firstIndex(of: left) ?? 0) < (order.firstIndex(of: right) ?? 0)
        }

        /// All names, for messages.
        public static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
    }

    public var isEmpty: Bool { self == ImageSettings() }

    /// What Ceph would refuse, in one sentence; nil where nothing is wrong.
    public var defect: String? {
        let size = objectSize?.bytes
        if let size, size.nonzeroBitCount != 1 || !(1 << 12...1 << 25).contains(size) {
            return "An object's size is a power of two from 4 KiB to 32 MiB, and not \(size) bytes"
        }
        if let striping {
            let size = size ?? 1 << 22
            guard striping.count > 0, striping.count <= UInt64(UInt32.max), striping.unit.bytes > 0 else {
                return "The stripe's unit and count are 1 at least"
            }
            guard size % striping.unit.bytes == 0 else {
                return "A stripe unit of \(striping.unit) bytes doesn't divide the objects of \(size)"
            }
        }
        if let features {
            for feature in features.sorted() {
                guard let requirement = feature.requirement, !features.contains(requirement) else { continue }
                return "The feature '\(feature.rawValue)' needs '\(requirement.rawValue)'"
            }
        }
        if let dataPool, dataPool.isEmpty || dataPool.contains("/") || dataPool.utf8.contains(0) {
            return "'\(dataPool.printable)' is no pool's name"
        }
        // Keys and values end with a NUL on their way to the cluster.
        if metadata.contains(where: { $0.key.isEmpty || $0.key.utf8.contains(0) || $0.value.utf8.contains(0) }) {
            return "Metadata need a key, and have no NUL"
        }
        return nil
    }
}
