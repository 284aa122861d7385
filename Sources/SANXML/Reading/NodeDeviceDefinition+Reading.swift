import SANModel

extension NodeDeviceDefinition {
    private static let known: [KnownElement] = [
        .first("name"), .first("path"), .each("devnode", ["type"]),
        .first("parent", ["wwnn", "wwpn", "fabric_wwn"]),
        .first("driver", [], [.first("name")]),
        .apart("capability", type: "scsi_host"),
    ]

    init(element: XMLElement) throws(StorageError) {
        self.init(
            name: element.childText("name"),
            parent: try element.child("parent").map { (child) throws(StorageError) in try Parent(element: child) },
            scsiHost: try element.capability("scsi_host").map { (child) throws(StorageError) in
                try SCSIHost(element: child)
            })
        path = element.childText("path")
        driver = element.child("driver")?.childText("name")
        for node in element.children("devnode") {
            let type = try node.requiredAttribute("type", "dev or link")
            deviceNodes.append(DeviceNode(type: type, path: node.text))
        }
        foreign = element.foreignContent(NodeDeviceDefinition.known)
    }
}

extension XMLElement {
    fileprivate func isCapability(_ type: String) -> Bool {
        isNamed("capability") && attribute("type") == type
    }

    fileprivate func capability(_ type: String) -> XMLElement? {
        elements.first { $0.isCapability(type) }
    }

    /// A child that holds a number from 0 to 2^32 - 1.
    fileprivate func number(_ name: String) throws(StorageError) -> UInt32? {
        try childValue(name, "a number") { UInt64(decimal: $0).flatMap(UInt32.init(exactly:)) }
    }

    fileprivate func childWWN(_ name: String) throws(StorageError) -> WWN? {
        try childValue(name, "a WWN, 16 hex digits,") { WWN($0) }
    }
}

extension NodeDeviceDefinition.Parent {
    fileprivate init(element: XMLElement) throws(StorageError) {
        let wwnn = try element.wwn("wwnn")
        let wwpn = try element.wwn("wwpn")
        let fabric = try element.wwn("fabric_wwn")
        if let name = element.textIfAny?.withoutSurroundingSpace, !name.isEmpty {
            self = .name(name)
        } else if let wwnn, let wwpn {
            self = .ports(wwnn: wwnn, wwpn: wwpn)
        } else if wwnn != nil || wwpn != nil {
            throw element.malformed("<parent> has only one of wwnn and wwpn: give both or neither")
        } else if let fabric {
            self = .fabric(fabric)
        } else {
            throw element.malformed("<parent> names nothing: give scsi_hostN, wwnn and wwpn, or fabric_wwn")
        }
    }
}

extension NodeDeviceDefinition.SCSIHost {
    private static let known: [KnownElement] = [
        .first("host"), .first("unique_id"),
        .first("capability", type: "fc_host", ["type"], [.first("wwnn"), .first("wwpn"), .first("fabric_wwn")]),
        .first("capability", type: "vport_ops", ["type"], [.first("max_vports"), .first("vports")]),
    ]

    fileprivate init(element: XMLElement) throws(StorageError) {
        self.init(host: try element.number("host"))
        uniqueID = try element.number("unique_id")
        fibreChannel = try element.capability("fc_host").map { (child) throws(StorageError) in
            NodeDeviceDefinition.FibreChannel(
                wwnn: try child.childWWN("wwnn"), wwpn: try child.childWWN("wwpn"),
                fabricWWN: try child.childWWN("fabric_wwn"))
        }
        vports = try element.capability("vport_ops").map { (child) throws(StorageError) in
            guard let maximum = try child.number("max_vports"), let inUse = try child.number("vports") else {
                throw child.malformed("The vport_ops capability needs <max_vports> and <vports>: add both")
            }
            return NodeDeviceDefinition.VPorts(maximum: maximum, inUse: inUse)
        }
        foreign = element.foreignContent(attributes: ["type"], NodeDeviceDefinition.SCSIHost.known)
    }
}
