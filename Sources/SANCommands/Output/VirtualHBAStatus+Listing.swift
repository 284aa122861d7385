import SANEngine
import SANHost
import SANModel

extension VirtualHBAStatus: Listing {
    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("NAME"), .left("HOST"), .left("PARENT"), .left("WWPN"), .left("WWNN"), .left("STATE"),
            .left("SPEED", optional: true), .right("VPORTS", optional: true), .left("AUTOSTART", optional: true),
            .left("MANAGED-BY", optional: true), .right("TARGETS"),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            name, port?.name, parent, wwpn?.description, wwnn?.description, state, port?.speed,
            port?.slots.map { "\($0.inUse)/\($0.maximum)" }, isPersistent ? (isAutostarted ? "yes" : "no") : nil,
            manager, port.map { _ in String(targets.count) },
        ]
    }

    var json: JSONValue {
        var object: JSONObject = [
            "name": .string(name), "state": .string(state), "virtual": .bool(port.map { $0.virtual != nil } ?? true),
            "persistent": .bool(isPersistent), "autostart": .bool(isAutostarted),
            "target_ports": .array(targets.map(\.json)), "problems": .array(problems.map(\.json)),
        ]
        object["host"] = .optional(port?.name)
        object["parent"] = .optional(parent)
        object["wwnn"] = .optional(wwnn?.description)
        object["wwpn"] = .optional(wwpn?.description)
        object["fabric_wwn"] = .optional(port?.fabricName?.description)
        object["speed"] = .optional(port?.speed)
        object["npiv"] = port?.slots.map { slots in
            ["max": .number(UInt64(slots.maximum)), "in_use": .number(UInt64(slots.inUse))]
        }
        object["managed_by"] = .optional(manager)
        return .object(object)
    }

    /// As ``FCHost/stateText``; `inactive` for a definition that doesn't run.
    private var state: String { port?.stateText ?? "inactive" }

    /// Who deletes it: a running pool, else whoever defined it.
    private var manager: String? {
        pool.map { "pool:\($0)" } ?? (isPersistent ? "definition:\(name)" : nil)
    }
}

extension FCHost {
    /// `online`, or why not, in the kernel's words.
    var stateText: String {
        if isLoggedIn { return "online" }
        if isOnline { return "no fabric" }
        return (virtual?.state ?? state).lowercased()
    }
}

extension FCRemotePort {
    var json: JSONValue { .object(members) }

    /// The keys `wwpn`, `wwnn`, `state`, and `target_id` where it has one.
    var members: JSONObject {
        var object: JSONObject = ["wwpn": .string(portName.description), "state": .string(state)]
        object["wwnn"] = .optional(nodeName?.description)
        object["target_id"] = .optional(targetID)
        return object
    }
}

extension VirtualHBAOutcome {
    /// A row of what boot runs.
    var row: [String?] {
        switch result {
        case .success(let change): ["vhba \(name)", change.isChanged ? "started" : "active", nil]
        case .failure(let error): ["vhba \(name)", "failed", error.message]
        }
    }

    var failure: StorageError? {
        if case .failure(let error) = result { error } else { nil }
    }

    var json: JSONValue {
        var object: JSONObject = ["name": .string(name)]
        switch result {
        case .success(let change):
            object["changed"] = .bool(change.isChanged)
            object["vhba"] = change.value.json
        case .failure(let error): object["error"] = error.json
        }
        return .object(object)
    }
}
