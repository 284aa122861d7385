import SANEngine
import SANModel

extension SecretStatus: Listing {
    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("UUID"), .left("USAGE"), .left("VALUE"), .left("PRIVATE"), .left("EPHEMERAL"),
            .left("DESCRIPTION", optional: true),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            definition.uuid?.description, definition.usage?.text, hasValue ? "set" : "none",
            definition.isPrivate ? "yes" : "no", definition.isEphemeral ? "yes" : "no", definition.summary,
        ]
    }

    var json: JSONValue {
        var object: JSONObject = [
            "has_value": .bool(hasValue), "private": .bool(definition.isPrivate),
            "ephemeral": .bool(definition.isEphemeral), "problems": .array(problems.map(\.json)),
        ]
        object["uuid"] = .optional(definition.uuid?.description)
        object["description"] = .optional(definition.summary)
        object["usage"] = definition.usage.map { ["type": .string($0.kind.rawValue), "name": .string($0.name)] }
        return .object(object)
    }

    /// How messages name it: `iscsi:demo`, else its UUID.
    var label: String { definition.usage?.text ?? definition.uuid?.description ?? "" }
}

extension SecretDefinition.Usage {
    /// `iscsi:USAGE`, as the verbs take it.
    var text: String { "\(kind.rawValue):\(name)" }
}
