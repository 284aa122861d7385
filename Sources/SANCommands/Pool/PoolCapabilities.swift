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
        let rows = known.map { BackendRow(type: $0.type, availability: $0.availability, operations: $0.operations) }
        let shown =
            type.map { type in [rows.first { $0.type == type } ?? .missing(type)] }
            ?? rows.sorted { $0.type.rawValue < $1.type.rawValue }
        return Report(.table(Table(shown)), document: ["types": .array(shown.map(\.json))])
    }
}

/// What one type of pool can do on this host.
struct BackendRow: Listing {
    var type: PoolType
    var availability: Availability
    var operations: [String]

    /// A type that this build has no backend for.
    static func missing(_ type: PoolType) -> BackendRow {
        BackendRow(
            type: type,
            availability: Availability(
                isAvailable: false, reason: "This build of sanctl has no backend for \(type) pools"),
            operations: [])
    }

    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("TYPE"), .left("AVAILABLE"), .left("LIBRARY", optional: true), .left("PACKAGE", optional: true),
            .left("OPERATIONS", optional: true), .left("REASON", optional: true),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            type.rawValue, availability.isAvailable ? "yes" : "no", availability.libraryVersion, availability.package,
            operations.joined(separator: ","), availability.reason,
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
