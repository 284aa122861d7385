import ArgumentParser
import SANEngine
import SANModel

/// The verb `pool list`.
struct PoolList: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List pools: the active ones, unless told otherwise.")

    @Flag(help: "List inactive pools too.")
    var all = false

    @Flag(help: "List inactive pools only.")
    var inactive = false

    @Option(
        help: ArgumentHelp("Only these types.", valueName: "type,…"),
        completion: .list(PoolType.allCases.map(\.rawValue)),
        transform: PoolType.list)
    var type: Set<PoolType>?

    @Flag(help: "Only pools whose definition is stored.")
    var persistent = false

    @Flag(help: "Only pools whose definition isn't stored.")
    var transient = false

    @Flag(help: "Only pools that are started at boot.")
    var autostart = false

    @Flag(help: "Only pools that aren't started at boot.")
    var noAutostart = false

    @OptionGroup var sizes: SizeOptions
    @OptionGroup var globals: GlobalOptions

    func validate() throws {
        let pairs = [
            (all && inactive, "--all and --inactive"), (persistent && transient, "--persistent and --transient"),
            (autostart && noAutostart, "--autostart and --no-autostart"),
        ]
        for (isBoth, names) in pairs where isBoth { throw ValidationError("\(names) exclude each other") }
    }

    func perform(in session: Session) async throws(StorageError) -> Report {
        // Activity is filtered here: a definition that doesn't parse is inactive, and is told of all the same.
        let filter = PoolFilter(
            isPersistent: persistent ? true : transient ? false : nil,
            isAutostarted: autostart ? true : noAutostart ? false : nil, types: type)
        let pools = try await session.engine().pools(filter)
        let shown = pools.filter(isShown)
        let style = ListingStyle(isExact: sizes.bytes)
        var report = Report(.table(Table(shown, style)), document: ["pools": .array(shown.map(\.json))])
        report.problems = pools.filter { $0.definition == nil || isShown($0) }.flatMap(\.warnings)
        return report
    }

    /// Starting, stopping and failed pools aren't ones that rest either.
    private func isShown(_ pool: PoolStatus) -> Bool { all || (pool.state == .inactive) == inactive }
}
