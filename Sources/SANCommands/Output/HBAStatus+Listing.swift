import SANEngine
import SANHost
import SANModel

extension HBAStatus: Listing {
    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("NAME"), .left("TRAN"), .left("DRIVER"), .left("PCI", optional: true), .left("STATE"),
            .left("WWPN", optional: true), .left("SPEED", optional: true), .right("VPORTS", optional: true),
            .right("TARGETS", optional: true), .left("PORTAL", optional: true), .left("TARGET", optional: true),
            .right("UNITS"),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            name, transport.rawValue, driver, scsiHost.pciAddress?.description, stateText, port?.portName.description,
            port?.speed, port?.slots.map { "\($0.inUse)/\($0.maximum)" },
            port.map { _ in String(remotePorts.filter(\.isTarget).count) },
            sessions.count > 1 ? "\(sessions.count) sessions" : sessions.first?.portal?.description,
            sessions.count == 1 ? sessions.first?.target : nil, String(unitCount),
        ]
    }

    /// A port's login, a session's state, else the kernel's word for the host.
    private var stateText: String? {
        if let port { return port.stateText }
        if sessions.count == 1, let state = sessions.first?.state { return state.lowercased() }
        return state
    }

    var json: JSONValue {
        var object: JSONObject = [
            "name": .string(name), "number": .number(UInt64(scsiHost.number)),
            "transport": .string(transport.rawValue), "units": .number(UInt64(unitCount)),
            "capabilities": .array(capabilities.map { .string($0.rawValue) }),
            "problems": .array(problems.map(\.json)),
        ]
        object["driver"] = .optional(driver)
        object["pci_address"] = .optional(scsiHost.pciAddress?.description)
        object["unique_id"] = .optional(uniqueID)
        object["state"] = .optional(stateText)
        if let port { port.add(to: &object) }
        if port != nil {
            object["remote_ports"] = .array(
                remotePorts.map { remote in
                    var members = remote.members
                    members["name"] = .string(remote.name)
                    members["target"] = .bool(remote.isTarget)
                    return .object(members)
                })
        }
        if transport == .iscsi { object["sessions"] = .array(sessions.map(\.json)) }
        return .object(object)
    }

    /// The lines of `host show`.
    var fields: Fields {
        var fields = Fields()
        fields.add("Name", name)
        fields.add("Transport", transport.rawValue)
        fields.add("Driver", driver)
        fields.add("PCI address", scsiHost.pciAddress?.description)
        fields.add("Unique ID", uniqueID.map { String($0) })
        fields.add("State", stateText)
        if let port { port.add(to: &fields) }
        for remote in remotePorts {
            let number = remote.targetID.map { " target \(remote.channel):\($0)" } ?? ""
            fields.add("Remote port", "\(remote.portName) \(remote.state)\(number)")
        }
        for session in sessions {
            fields.add("Session", session.text)
            fields.add("Initiator", session.initiator)
        }
        fields.add("Units", String(unitCount))
        return fields
    }
}

extension FCHost {
    fileprivate func add(to object: inout JSONObject) {
        object["wwnn"] = .string(nodeName.description)
        object["wwpn"] = .string(portName.description)
        object["fabric_wwn"] = .optional(fabricName?.description)
        object["port_id"] = .optional(portIDText)
        object["speed"] = .optional(speed)
        object["virtual"] = .bool(virtual != nil)
        object["parent"] = .optional(virtual.map { "scsi_host\($0.parent)" })
        object["npiv"] = slots.map { slots in
            [
                "max": .number(UInt64(slots.maximum)), "in_use": .number(UInt64(slots.inUse)),
                "free": .number(UInt64(slots.free)),
            ]
        }
    }

    fileprivate func add(to fields: inout Fields) {
        fields.add("Parent", virtual.map { "scsi_host\($0.parent)" })
        fields.add("WWNN", nodeName.description)
        fields.add("WWPN", portName.description)
        fields.add("Fabric", fabricName?.description)
        fields.add("Port ID", portIDText)
        fields.add("Port type", type)
        fields.add("Speed", speed)
        fields.add("Virtual ports", slots.map { "\($0.inUse) used, \($0.free) free" })
    }

    /// `0x010200`, as the kernel and switches print it.
    private var portIDText: String? {
        portID.map { id in
            let digits = String(id, radix: 16)
            return "0x" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        }
    }
}

extension ISCSISession {
    fileprivate var text: String {
        ["\(identifier)", state?.lowercased(), portal?.description, target].compactMap(\.self).joined(separator: " ")
    }

    fileprivate var json: JSONValue {
        var object: JSONObject = ["id": .number(UInt64(identifier)), "target": .string(target)]
        object["portal"] = .optional(portal?.description)
        object["current_portal"] = .optional(connections.first?.current?.description)
        object["state"] = .optional(state?.lowercased())
        object["initiator"] = .optional(initiator)
        object["interface"] = .optional(interface)
        // Some targets have had -1, which JSON's numbers here haven't (L64).
        object["portal_group"] = .optional(portalGroup.map { String($0) })
        return .object(object)
    }
}

extension HBAUnit: Listing {
    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("HCTL"), .left("TYPE"), .left("DEVICE"), .left("STATE"), .right("SIZE"), .left("VENDOR"),
            .left("MODEL"), .left("WWID"), .left("PATH"), .left("MPATH", optional: true),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            unit.hctl.description, unit.deviceType?.rawValue, unit.block?.name, unit.state,
            unit.block?.capacity?.text(exact: style.isExact), unit.inquiry?.vendor, unit.inquiry?.product, unit.wwid,
            path, map?.path,
        ]
    }

    var json: JSONValue {
        var object: JSONObject = [
            "hctl": .string(unit.hctl.description), "problems": .array(problems.map(\.json)),
        ]
        object["lun"] =
            unit.hctl.lun.number.map { .number($0) } ?? .string(unit.hctl.lun.description)
        object["device_type"] = .optional(unit.deviceType?.rawValue)
        object["device"] = .optional(unit.block?.name)
        object["state"] = .optional(unit.state)
        object["capacity"] = .optional(unit.block?.capacity)
        object["vendor"] = .optional(unit.inquiry?.vendor)
        object["product"] = .optional(unit.inquiry?.product)
        object["revision"] = .optional(unit.inquiry?.revision)
        object["serial"] = .optional(unit.serial)
        object["wwid"] = .optional(unit.wwid)
        object["path"] = .optional(path)
        object["multipath"] = .optional(map?.path)
        return .object(object)
    }
}
