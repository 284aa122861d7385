import SANModel

extension ImageSettings {
    static let known = KnownElement.joined(
        "sanctl:image", in: OptionNamespace.image,
        [
            .each("sanctl:object", in: OptionNamespace.image, ["size"]),
            .each("sanctl:stripe", in: OptionNamespace.image, ["unit", "count"]),
            .each("sanctl:data", in: OptionNamespace.image, ["pool"]),
            .each("sanctl:feature", in: OptionNamespace.image, ["name"]),
            .each("sanctl:metadata", in: OptionNamespace.image, ["name", "value"]),
        ])

    /// - Returns: nil without such an element.
    static func read(from volume: XMLElement) throws(StorageError) -> ImageSettings? {
        let elements = volume.children("image", in: OptionNamespace.image)
        guard let first = elements.first else { return nil }
        var settings = ImageSettings()
        for element in elements { try settings.readContents(of: element) }
        if let defect = settings.defect { throw first.malformed(defect) }
        return settings
    }

    private mutating func readContents(of element: XMLElement) throws(StorageError) {
        for child in element.elements where child.name.namespace == OptionNamespace.image {
            switch child.name.local {
            case "object":
                try child.refuseSecond(objectSize)
                objectSize = try child.requiredSize("size")
            case "stripe":
                try child.refuseSecond(striping)
                striping = Striping(
                    unit: try child.requiredSize("unit"),
                    count: try child.required(
                        try child.attributeValue("count", "a number of objects") { UInt64(decimal: $0) }, "count"))
            case "data":
                try child.refuseSecond(dataPool)
                dataPool = try child.required(child.attribute("pool"), "pool")
            case "feature":
                let feature = try child.required(
                    try child.choice("name", of: Feature.self), "name, one of \(Feature.names)")
                features = (features ?? []).union([feature])
            case "metadata":
                let key = try child.required(child.attribute("name"), "name")
                try child.refuseSecond(metadata[key])
                metadata[key] = child.attribute("value") ?? ""
            default:
                throw child.malformed(
                    "There is no <\(child.name.text.printable)> of an image: there are object, stripe, data, feature, metadata"
                )
            }
        }
    }
}

extension XMLElement {
    fileprivate func refuseSecond<Value>(_ known: Value?) throws(StorageError) {
        if known != nil { throw malformed("<\(name.text.printable)> is there twice") }
    }

    fileprivate func required<Value>(_ value: Value?, _ attribute: String) throws(StorageError) -> Value {
        guard let value else { throw malformed("<\(name.text.printable)> has no \(attribute)") }
        return value
    }

    fileprivate func requiredSize(_ attribute: String) throws(StorageError) -> ByteCount {
        let text = try required(self.attribute(attribute), attribute)
        do {
            return try ByteCount(parsing: text)
        } catch {
            throw malformed("Attribute '\(attribute)' of <\(name.text.printable)>: \(error.message)")
        }
    }
}
