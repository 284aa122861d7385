import ArgumentParser
import SANEngine
import SANModel

/// The verb `host list`.
struct HostList: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the SCSI hosts of this machine: HBAs, virtual ones, iSCSI sessions.")

    @Option(
        help: ArgumentHelp("Only hosts that are one of these.", valueName: "capability,…"),
        completion: .list(HBAStatus.Capability.allCases.map(\.rawValue)), transform: HBAStatus.Capability.list)
    var cap: Set<HBAStatus.Capability>?

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let hosts = try await session.engine().hosts().filter { host in
            cap.map { !$0.isDisjoint(with: host.capabilities) } ?? true
        }
        return Report(.table(Table(hosts)), document: ["hosts": .array(hosts.map(\.json))])
    }
}

/// The verb `host show HOST`.
struct HostShow: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a SCSI host, the ports and sessions it knows, and its units.")

    @OptionGroup var target: HostArgument
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let (host, units) = try await session.engine().hostWithUnits(target.host)
        let style = ListingStyle(isExact: sizes.bytes)
        let table = units.isEmpty ? "" : "\n" + Table(units, style).text
        var report = Report(
            .lines(host.fields.text + table),
            document: ["host": host.json, "units": .array(units.map(\.json))])
        report.problems = host.problems + units.flatMap(\.problems)
        return report
    }
}

/// The verb `host scan HOST`.
struct HostScanning: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan", abstract: "Look for new units behind one SCSI host, and tell what came and went.",
        discussion: """
            A Fibre Channel host is asked for the targets that are online, one by one. Waits for the disks of new units and \
            for udev's links to them.
            """)

    @OptionGroup var named: HostArgument

    @Option(help: ArgumentHelp("Only this channel.", valueName: "number"))
    var channel: UInt32?

    @Option(help: ArgumentHelp("Only the target of this number.", valueName: "number"))
    var target: UInt32?

    @Option(help: ArgumentHelp("Only this LUN, by the kernel's number of it.", valueName: "number"))
    var lun: LogicalUnitNumber?

    @OptionGroup var sizes: SizeOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let outcome = try await session.engine().scanHost(
            named.host, HostScan.Scope(channel: channel, target: target, lun: lun))
        let style = ListingStyle(isExact: sizes.bytes)
        let rows =
            outcome.came.map { ["came"] + $0.cells(style) } + outcome.went.map { ["went"] + $0.cells(style) }
        let table = Table(columns: [.left("CHANGE")] + HBAUnit.columns(style), rows: rows)
        var report = Report(
            rows.isEmpty ? .nothing : .table(table),
            document: [
                "changed": .bool(outcome.isChanged), "host": outcome.host.json,
                "came": .array(outcome.came.map(\.json)), "went": .array(outcome.went.map(\.json)),
                "problems": .array(outcome.problems.map(\.json)),
            ], notice: outcome.notice)
        report.problems = outcome.problems
        return report
    }
}

extension HostScanOutcome {
    /// What is wrong with the host and with what came, and what the others have lost.
    fileprivate var problems: [Problem] { host.problems + came.flatMap(\.problems) + stale }

    fileprivate var notice: String {
        func units(_ count: Int) -> String { count == 1 ? "1 unit" : "\(count) units" }
        let change = isChanged ? "\(units(came.count)) came, \(units(went.count)) went" : "nothing new"
        return "\(host.name) scanned: \(change), \(units(host.unitCount)) in all."
    }
}
