import SANModel

extension PoolSource: Listing {
    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("HOST", optional: true), .left("DEVICE", optional: true), .left("DIRECTORY", optional: true),
            .left("NAME", optional: true), .left("FORMAT", optional: true), .left("INITIATOR", optional: true),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            hosts.map(\.text).joined(separator: ","), devices.map(\.path).joined(separator: ","), directory, name,
            format,
            initiator,
        ]
    }

    var json: JSONValue { .object(members) }

    /// Only what is there.
    var members: JSONObject {
        var object = JSONObject()
        object["hosts"] = .nonEmpty(hosts.map(\.json))
        object["devices"] = .nonEmpty(devices.map { .string($0.path) })
        object["name"] = .optional(name)
        object["directory"] = .optional(directory)
        object["adapter"] = adapter?.json
        object["initiator"] = .optional(initiator)
        object["format"] = .optional(format)
        object["auth"] = authentication?.json
        object["protocol_version"] = .optional(protocolVersion)
        object["vendor"] = .optional(vendor)
        object["product"] = .optional(product)
        return object
    }

    /// The lines of `pool info` about the source.
    func add(to fields: inout Fields) {
        for host in hosts { fields.add("Host", host.text) }
        for device in devices { fields.add("Device", device.path) }
        fields.add("Directory", directory)
        fields.add("Source name", name)
        fields.add("Adapter", adapter?.text)
        fields.add("Initiator", initiator)
        fields.add("Source format", format)
    }
}

extension PoolSource.Host {
    /// `HOST` or `HOST:PORT`, with brackets around an IPv6 address.
    var text: String {
        guard let port else { return name }
        return Portal(host: name, port: port).description
    }

    var json: JSONValue {
        var object: JSONObject = ["name": .string(name)]
        object["port"] = .optional(port)
        return .object(object)
    }
}

extension PoolSource.Authentication {
    var json: JSONValue {
        ["type": .string(kind.rawValue), "username": .string(username), "secret": secret.json]
    }
}

extension SecretReference {
    var json: JSONValue {
        switch self {
        case .uuid(let uuid): ["uuid": .string(uuid.description)]
        case .usage(let usage): ["usage": .string(usage)]
        }
    }
}

extension PoolSource.Adapter {
    var text: String {
        switch self {
        case .scsiHost(let name): name
        case .parentAddress(let address, let id): address.description + (id.map { " unique id \($0)" } ?? "")
        case .fibreChannel(let adapter): "fc_host \(adapter.wwnn):\(adapter.wwpn)"
        }
    }

    var json: JSONValue {
        var object = JSONObject()
        switch self {
        case .scsiHost(let name):
            object = ["type": "scsi_host", "name": .string(name)]
        case .parentAddress(let address, let id):
            object = ["type": "scsi_host", "parent_address": .string(address.description)]
            object["unique_id"] = .optional(id)
        case .fibreChannel(let adapter):
            object = [
                "type": "fc_host", "wwnn": .string(adapter.wwnn.description), "wwpn": .string(adapter.wwpn.description),
            ]
            object["parent"] = .optional(adapter.parent)
            object["parent_wwnn"] = .optional(adapter.parentWWNN?.description)
            object["parent_wwpn"] = .optional(adapter.parentWWPN?.description)
            object["parent_fabric_wwn"] = .optional(adapter.parentFabricWWN?.description)
            object["managed"] = .optional(adapter.managed)
        }
        return .object(object)
    }
}
