import ArgumentParser
import SANModel

/// What a new image of an rbd pool is made of; each takes the place of what the document says of it.
struct ImageSettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("In an rbd pool: the size of its objects, 4 KiB to 32 MiB.", valueName: "size"),
        transform: ByteCount.init(parsing:))
    var objectSize: ByteCount?

    @Option(
        help: ArgumentHelp(
            "In an rbd pool: how much goes into one object before the next one's turn.", valueName: "size"),
        transform: ByteCount.init(parsing:))
    var stripeUnit: ByteCount?

    @Option(help: ArgumentHelp("In an rbd pool: over how many objects in turn.", valueName: "number"))
    var stripeCount: UInt64?

    @Option(help: ArgumentHelp("In an rbd pool: the Ceph pool that its data is in.", valueName: "pool"))
    var dataPool: String?

    @Option(
        help: ArgumentHelp("In an rbd pool: its features, such as layering,exclusive-lock.", valueName: "feature,…"),
        completion: .list(ImageSettings.Feature.allCases.map(\.rawValue)),
        transform: ImageSettings.Feature.list)
    var features: Set<ImageSettings.Feature>?

    @Option(
        help: ArgumentHelp("In an rbd pool: metadata of the image, repeatable.", valueName: "key=value"),
        transform: KeyAndValue.init(argument:))
    var metadata: [KeyAndValue] = []

    func validate() throws {
        guard (stripeUnit == nil) == (stripeCount == nil) else {
            throw ValidationError("--stripe-unit and --stripe-count go together")
        }
    }

    /// The settings with what was given.
    ///
    /// - Returns: nil where there are none.
    /// - Throws: `invalid_argument` for what Ceph would refuse.
    func applied(to settings: ImageSettings?) throws(StorageError) -> ImageSettings? {
        var result = settings ?? ImageSettings()
        if let objectSize { result.objectSize = objectSize }
        if let stripeUnit, let stripeCount { result.striping = .init(unit: stripeUnit, count: stripeCount) }
        if let dataPool { result.dataPool = dataPool }
        if let features { result.features = features }
        for entry in metadata { result.metadata[entry.key] = entry.value }
        if let defect = result.defect { throw StorageError(.invalidArgument, defect) }
        return result.isEmpty ? nil : result
    }
}

/// `KEY=VALUE`.
struct KeyAndValue: Sendable, Hashable {
    var key: String
    var value: String

    /// - Throws: `invalid_argument`.
    init(argument: String) throws(StorageError) {
        guard let mark = argument.firstIndex(of: "="), mark > argument.startIndex else {
            throw StorageError(.invalidArgument, "'\(argument.printable)' isn't KEY=VALUE")
        }
        key = String(argument[..<mark])
        value = String(argument[argument.index(after: mark)...])
    }
}

extension ImageSettings.Feature {
    /// Reads a list such as `layering,exclusive-lock`.
    ///
    /// - Throws: `invalid_argument` naming the features there are.
    fileprivate static func list(_ text: String) throws(StorageError) -> Set<ImageSettings.Feature> {
        var features: Set<ImageSettings.Feature> = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let feature = ImageSettings.Feature(rawValue: String(name)) else {
                throw StorageError(
                    .invalidArgument, "there is no feature '\(String(name).printable)'; there are \(names)")
            }
            features.insert(feature)
        }
        return features
    }
}
