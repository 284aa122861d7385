import SANModel

extension LogicalUnit {
    /// The keys of a volume's JSON that only a SCSI logical unit has.
    func add(to object: inout JSONObject) {
        object["wwid"] = .optional(wwid)
        object["serial"] = .optional(serial)
        object["vendor"] = .optional(vendor)
        object["product"] = .optional(product)
        object["revision"] = .optional(revision)
        object["hctl"] = .optional(hctl)
        object["lun"] = lun.number.map { .number($0) } ?? .string(lun.description)
        object["device_type"] = .string(deviceType.rawValue)
        object["block_size"] = .optional(blockSize)
        object["transport"] = .optional(transport)
        object["multipath"] = .optional(multipath)
        object["map"] = map?.json
        object["paths"] = .nonEmpty(paths.map(\.json))
        var links = JSONObject()
        links["by_path"] = .nonEmpty(linksByPath.map { .string($0) })
        links["by_id"] = .nonEmpty(linksByID.map { .string($0) })
        object["links"] = .nonEmpty(links)
    }

    /// The lines of `volume info` about it.
    func add(to fields: inout Fields) {
        fields.add("LUN", lun.description)
        fields.add("Device type", deviceType.rawValue)
        fields.add("Vendor", vendor)
        fields.add("Product", product)
        fields.add("Revision", revision)
        fields.add("Serial", serial)
        fields.add("WWID", wwid)
        fields.add("HCTL", hctl)
        fields.add("Block size", blockSize.map { String($0) })
        fields.add("Transport", transport)
        fields.add("Multipath", multipath)
        map?.add(to: &fields)
        for path in paths { fields.add("Path state", path.text) }
        for link in linksByPath + linksByID { fields.add("Link", link) }
    }
}

extension LogicalUnit.Path {
    fileprivate var text: String {
        [hctl, device, portal, port, state].compactMap { $0 }.joined(separator: " ")
    }

    fileprivate var json: JSONValue {
        var object = JSONObject()
        object["device"] = .optional(device)
        object["state"] = .optional(state)
        object["portal"] = .optional(portal)
        object["port"] = .optional(port)
        object["hctl"] = .optional(hctl)
        return .object(object)
    }
}
