import ArgumentParser
import SANEngine
import SANModel

/// The verb `pool capabilities [TYPE]`.
struct PoolCapabilities: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "capabilities", abstract: "Show each type of pool: available or why not, and its operations.")

    @Argument(help: "Only this type.", completion: .list(PoolType.allCases.map(\.rawValue)))
    var type: PoolType?

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let known = try await session.engine().capabilities()
        let shown = known.filter { type == nil || $0.type == type }
        return Report(.table(Table(shown)), document: ["types": .array(shown.map(\.json))])
    }
}

extension BackendCapabilities: Listing {
    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("TYPE"), .left("AVAILABLE"), .left("LIBRARY", optional: true), .left("PACKAGE", optional: true),
            .left("REASON", optional: true), .left("OPERATIONS", optional: true),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            type.rawValue, availability.isAvailable ? "yes" : "no", availability.libraryVersion, availability.package,
            availability.reason, operations.joined(separator: ","),
        ]
    }

    var json: JSONValue {
        var object = availability.members
        object["type"] = .string(type.rawValue)
        object["operations"] = .array(operations.map { .string($0) })
        return .object(object)
    }
}

extension Availability {
    var members: JSONObject {
        var object: JSONObject = ["available": .bool(isAvailable)]
        object["reason"] = .optional(reason)
        object["package"] = .optional(package)
        object["library_version"] = .optional(libraryVersion)
        return object
    }
}
