import SANModel

extension ImageSettings {
    /// The members of a volume's `image`.
    func add(to object: inout JSONObject) {
        object["object_size"] = .optional(objectSize)
        object["stripe_unit"] = .optional(striping?.unit)
        object["stripe_count"] = striping.map { .number($0.count) }
        object["data_pool"] = .optional(dataPool)
        object["features"] = features.map { .array($0.sorted().map { .string($0.rawValue) }) }
        var members = JSONObject()
        for (key, value) in metadata { members[key] = .string(value) }
        object["metadata"] = .object(members)
    }

    /// The lines of `volume info`.
    func add(to fields: inout Fields, _ style: ListingStyle) {
        fields.add("Object size", objectSize?.text(exact: style.isExact))
        fields.add("Stripes", striping.map { "\($0.unit.text(exact: style.isExact)) over \($0.count) objects" })
        fields.add("Data pool", dataPool)
        fields.add("Features", features.map { $0.sorted().map(\.rawValue).joined(separator: ", ") })
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { fields.add("Metadata", "\(key)=\(value)") }
    }
}
