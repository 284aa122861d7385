import SANModel

extension VolumeDefinition {
    private static let known: [KnownElement] = [
        .first("name"), .first("key"),
        .first("source", [], [.each("device", ["path"], [.each("extent", ["start", "end"])])]),
        .first("capacity", ["unit"]), .first("allocation", ["unit"]), .first("physical", ["unit"]),
        .apart("target"), .apart("backingStore"), ImageSettings.known,
    ]

    init(element: XMLElement) throws(StorageError) {
        do {
            try self.init(anonymous: element)
        } catch {
            throw element.childText("name").map { error.about(.volume, $0.printable) } ?? error
        }
    }

    private init(anonymous element: XMLElement) throws(StorageError) {
        self.init(name: try VolumeDefinition.name(of: element), type: try element.choice("type"))
        key = element.childText("key")
        for device in element.child("source")?.children("device") ?? [] {
            sourceDevices.append(try SourceDevice(element: device))
        }
        capacity = try element.size("capacity")
        allocation = try element.size("allocation")
        physical = try element.size("physical")
        if let child = element.child("target") { target = try VolumeTarget(element: child) }
        backingStore = try element.child("backingStore").map { (child) throws(StorageError) in
            try BackingStore(element: child)
        }
        imageSettings = try ImageSettings.read(from: element)
        foreign = element.foreignContent(
            attributes: ["type"], VolumeDefinition.known, prefixes: ["sanctl": OptionNamespace.image])
    }

    private static func name(of element: XMLElement) throws(StorageError) -> String {
        let child = element.child("name")
        guard let name = child?.textIfAny else {
            throw (child ?? element).malformed("The volume has no name: add <name>NAME</name>")
        }
        guard !name.contains("/"), name != ".", name != ".." else {
            throw (child ?? element).malformed(
                "The volume's name '\(name.printable)' can't be used: choose one without '/' that isn't '.' or '..'")
        }
        return name
    }
}

extension VolumeDefinition.SourceDevice {
    fileprivate init(element: XMLElement) throws(StorageError) {
        self.init(path: try element.requiredAttribute("path", "a device node"))
        for extent in element.children("extent") { extents.append(try Extent(element: extent)) }
    }
}

extension VolumeTarget {
    private static let known: [KnownElement] = [
        .first("path"), .first("format", ["type"]), Permissions.known, Timestamps.known, .apart("encryption"),
        .first("compat"), .first("nocow"), .first("clusterSize", ["unit"]),
        .first("features", [], [.first("lazy_refcounts"), .first("extended_l2")]),
    ]

    fileprivate init(element: XMLElement) throws(StorageError) {
        self.init(path: element.childText("path"), format: try VolumeFormat(in: element))
        permissions = try Permissions(in: element)
        timestamps = try Timestamps(in: element)
        encryption = try element.child("encryption").map { (child) throws(StorageError) in
            try EncryptionDefinition(element: child)
        }
        compat = try element.childValue("compat", "a version of digits and dots, such as 1.1,") { text in
            text.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) } ? text : nil
        }
        noCopyOnWrite = element.child("nocow") != nil
        clusterSize = try element.size("clusterSize")
        features = try element.child("features").map { (child) throws(StorageError) in try Features(element: child) }
        foreign = element.foreignContent(VolumeTarget.known)
    }
}

extension VolumeTarget.Features {
    fileprivate init(element: XMLElement) throws(StorageError) {
        self.init()
        for feature in element.elements where feature.name.namespace.isEmpty {
            switch feature.name.local {
            case "lazy_refcounts": lazyRefcounts = true
            case "extended_l2": extendedL2 = true
            default:
                throw feature.malformed(
                    "Unsupported feature '\(feature.name.local.printable)': use lazy_refcounts and extended_l2")
            }
        }
    }
}

extension VolumeFormat {
    /// `<format type=…>` of a target.
    fileprivate init?(in target: XMLElement) throws(StorageError) {
        let known = VolumeFormat.files.union(VolumeFormat.fileSystems).union(VolumeFormat.partitions)
        let format = try target.child("format")?.attributeValue("type", "a known format, such as raw or qcow2,") {
            let format = VolumeFormat(rawValue: $0)
            return known.contains(format) ? format : nil
        }
        guard let format else { return nil }
        self = format
    }
}

extension BackingStore {
    fileprivate init(element: XMLElement) throws(StorageError) {
        self.init(path: element.childText("path"), format: try VolumeFormat(in: element))
        permissions = try Permissions(in: element)
        timestamps = try Timestamps(in: element)
        foreign = element.foreignContent(
            [.first("path"), .first("format", ["type"]), Permissions.known, Timestamps.known])
    }
}
