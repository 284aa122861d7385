import SANModel

/// What an image can do, and how its clients have to read it: `RBD_FEATURE_…` of `rbd/features.h`.
struct ImageFeatures: OptionSet, Sendable, Hashable {
    let rawValue: UInt64

    static let layering = ImageFeatures(rawValue: 1 << 0)
    /// `RBD_FEATURE_STRIPINGV2`.
    static let striping = ImageFeatures(rawValue: 1 << 1)
    static let exclusiveLock = ImageFeatures(rawValue: 1 << 2)
    static let objectMap = ImageFeatures(rawValue: 1 << 3)
    static let fastDiff = ImageFeatures(rawValue: 1 << 4)
    static let deepFlatten = ImageFeatures(rawValue: 1 << 5)
    static let journaling = ImageFeatures(rawValue: 1 << 6)
    static let dataPool = ImageFeatures(rawValue: 1 << 7)
    /// What it doesn't have yet is read from another image.
    static let migrating = ImageFeatures(rawValue: 1 << 9)

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(_ chosen: Set<ImageSettings.Feature>) {
        self = chosen.reduce(into: []) { $0.insert(ImageFeatures($1)) }
    }

    private init(_ feature: ImageSettings.Feature) {
        self =
            switch feature {
            case .layering: .layering
            case .striping: .striping
            case .exclusiveLock: .exclusiveLock
            case .objectMap: .objectMap
            case .fastDiff: .fastDiff
            case .deepFlatten: .deepFlatten
            case .journaling: .journaling
            }
    }

    /// Those that can be chosen.
    var chosen: Set<ImageSettings.Feature> {
        Set(ImageSettings.Feature.allCases.filter { contains(ImageFeatures($0)) })
    }
}

/// What of an image isn't to be trusted: `RBD_FLAG_…` of `rbd/librbd.h`.
struct ImageFlags: OptionSet, Sendable, Hashable {
    let rawValue: UInt64

    static let objectMapInvalid = ImageFlags(rawValue: 1 << 0)
    static let fastDiffInvalid = ImageFlags(rawValue: 1 << 1)
}
