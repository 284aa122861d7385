import SANModel

extension MultipathMap {
    /// The member `map` of a volume's JSON.
    var json: JSONValue {
        var object: JSONObject = ["alias": .string(alias), "queueing": .bool(isQueueing)]
        object["policy"] = .optional(policy)
        object["features"] = .nonEmpty(features.map { .string($0) })
        object["hardware_handler"] = .optional(hardwareHandler)
        object["path_groups"] = .nonEmpty(groups.map(\.json))
        return .object(object)
    }

    /// The lines of `volume info` about it.
    func add(to fields: inout Fields) {
        fields.add("Policy", policy)
        fields.add("Features", features.joined(separator: ", "))
        fields.add("Handler", hardwareHandler)
        for group in groups { fields.add("Path group", "\(group.state) " + group.devices.joined(separator: " ")) }
    }
}

extension MultipathMap.Group {
    fileprivate var json: JSONValue {
        ["state": .string(state), "selector": .string(selector), "paths": .array(devices.map { .string($0) })]
    }
}
