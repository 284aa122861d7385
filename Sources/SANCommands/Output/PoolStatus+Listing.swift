import SANEngine
import SANModel

extension PoolStatus: Listing {
    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("NAME"), .left("STATE"), .left("TYPE"), .left("AUTOSTART"), .left("PERSISTENT"), .right("CAPACITY"),
            .right("ALLOCATION"), .right("AVAILABLE"), .right("VOLUMES"),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            name, state.rawValue, definition?.type.rawValue, isAutostarted ? "yes" : "no", isPersistent ? "yes" : "no",
            capacity?.text(exact: style.isExact), allocation?.text(exact: style.isExact),
            available?.text(exact: style.isExact), volumeCount.map { String($0) },
        ]
    }

    var json: JSONValue {
        var object: JSONObject = [
            "name": .string(name), "state": .string(state.rawValue), "persistent": .bool(isPersistent),
            "autostart": .bool(isAutostarted), "problems": .array(problems.map(\.json)),
        ]
        object["uuid"] = .optional(definition?.uuid?.description)
        object["type"] = .optional(definition?.type.rawValue)
        object["capacity"] = .optional(capacity)
        object["allocation"] = .optional(allocation)
        object["available"] = .optional(available)
        object["volumes"] = .optional(volumeCount)
        object["trash"] = .optional(trashCount)
        object["source"] = (definition?.source.members).flatMap { .nonEmpty($0) }
        object["target_path"] = .optional(definition?.target?.path)
        object["refreshed_at"] = .optional(refreshedAt?.rfc3339)
        return .object(object)
    }

    /// The lines of `pool info`.
    func fields(_ style: ListingStyle) -> Fields {
        var fields = Fields()
        fields.add("Name", name)
        fields.add("UUID", definition?.uuid?.description)
        fields.add("Type", definition?.type.rawValue)
        fields.add("State", state.rawValue)
        fields.add("Persistent", isPersistent ? "yes" : "no")
        fields.add("Autostart", isAutostarted ? "yes" : "no")
        fields.add("Capacity", capacity?.text(exact: style.isExact))
        fields.add("Allocation", allocation?.text(exact: style.isExact))
        fields.add("Available", available?.text(exact: style.isExact))
        fields.add("Volumes", volumeCount.map { String($0) })
        fields.add("Trash", trashCount.map { String($0) })
        definition?.source.add(to: &fields)
        fields.add("Target", definition?.target?.path)
        fields.add("Refreshed", refreshedAt?.rfc3339)
        return fields
    }

    /// The pool's problems, each naming the pool, for the warnings below a table.
    var warnings: [Problem] {
        problems.map { problem in
            var problem = problem
            if problem.subject.values[.pool] == nil { problem.subject.values[.pool] = name }
            return problem
        }
    }
}
