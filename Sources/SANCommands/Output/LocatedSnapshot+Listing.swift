import SANEngine
import SANModel

extension LocatedSnapshot: Listing {
    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [.left("NAME"), .right("CAPACITY"), .left("PROTECTED"), .left("CREATED"), .left("CLONES", optional: true)]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            snapshot.name, snapshot.capacity.text(exact: style.isExact), snapshot.isProtected ? "yes" : "no",
            snapshot.createdAt?.rfc3339, snapshot.clones.isEmpty ? nil : snapshot.clones.joined(separator: ", "),
        ]
    }

    var json: JSONValue {
        var object: JSONObject = [
            "name": .string(snapshot.name), "volume": .string(volume), "pool": .string(pool),
            "id": .number(snapshot.id), "capacity": .number(snapshot.capacity.bytes),
            "protected": .bool(snapshot.isProtected), "clones": .array(snapshot.clones.map { .string($0) }),
        ]
        object["created_at"] = .optional(snapshot.createdAt?.rfc3339)
        return .object(object)
    }
}
