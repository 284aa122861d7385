import ArgumentParser
import SANEngine
import SANModel

/// The verb `volume list POOL`.
struct VolumeList: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the volumes of a pool.")

    @OptionGroup var target: PoolArgument
    @Flag(help: "Show types, identities and hardware too.")
    var details = false
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let (status, volumes) = try await session.engine().volumes(ofPool: target.pool)
        let rows = volumes.map { VolumeRow(pool: status.name, volume: $0) }
        var report = Report(
            .table(Table(rows, ListingStyle(isExact: sizes.bytes, isDetailed: details))),
            document: [
                "pool": .string(status.name), "volumes": .array(rows.map(\.json)),
                "problems": .array(status.problems.map(\.json)),
            ])
        report.problems = status.warnings + rows.flatMap(\.warnings)
        return report
    }
}
