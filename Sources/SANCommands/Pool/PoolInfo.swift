import ArgumentParser
import SANEngine
import SANModel
import SANXML

/// The verb `pool info POOL`.
struct PoolInfo: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "info", abstract: "Show what is known of a pool.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let status = try await session.engine().pool(target.pool)
        var report = Report(
            .fields(status.fields(ListingStyle(isExact: sizes.bytes))), document: ["pool": status.json])
        report.problems = status.warnings
        return report
    }
}

/// The verb `pool dumpxml POOL`.
struct PoolDumpXML: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "dumpxml", abstract: "Print a pool's document, with its capacity while it runs.")

    @OptionGroup var target: PoolArgument
    @Flag(help: "The stored definition, of a running pool too.")
    var inactive = false
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let xml = try await engine.definition(ofPool: target.pool, inactive: inactive).xml
        guard session.options.format == .json else { return Report(.xml(xml)) }
        let status = try await engine.pool(target.pool)
        return Report(document: ["pool": status.json, "xml": .string(xml)])
    }
}
