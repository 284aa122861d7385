import ArgumentParser
import SANEngine
import SANModel

/// The verb `doctor`, which is its own noun.
struct DoctorCommand: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tell what is missing on this host for which type of pool, and the package that has it.",
        discussion: "The exit code is 0 only if everything asked for is there, else 69.")

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Only these types; else every type of this build.", valueName: "type,…"),
        completion: .list(PoolType.allCases.map(\.rawValue)), transform: PoolType.list)
    var types: Set<PoolType>?

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let known = try await session.engine().capabilities()
        // A type without a backend has no operations: nothing that is installed would help, unless it is asked for.
        let rows =
            known
            .filter { types?.contains($0.type) ?? !$0.operations.isEmpty }
            .map { DoctorRow(type: $0.type, availability: $0.availability) }
        let missing = rows.filter { !$0.availability.isAvailable }
        var report = Report(
            .table(Table(rows)), document: ["ready": .bool(missing.isEmpty), "types": .array(rows.map(\.json))])
        if !missing.isEmpty {
            let packages = Set(missing.compactMap(\.availability.package)).sorted()
            let remedy = packages.isEmpty ? "" : ": apt install " + packages.joined(separator: " ")
            report.failure = StorageError(
                .unavailable, "Not available here: " + missing.map(\.type.rawValue).joined(separator: ", ") + remedy)
        }
        return report
    }
}

/// Whether one type of pool can work on this host.
private struct DoctorRow: Listing {
    var type: PoolType
    var availability: Availability

    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("TYPE"), .left("STATUS"), .left("LIBRARY", optional: true), .left("PACKAGE", optional: true),
            .left("REASON", optional: true),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            type.rawValue, availability.isAvailable ? "ok" : "missing", availability.libraryVersion,
            availability.package,
            availability.reason,
        ]
    }

    var json: JSONValue {
        var object = availability.members
        object["type"] = .string(type.rawValue)
        return .object(object)
    }
}
