import ArgumentParser
import SANEngine
import SANModel

/// The verbs of `volume trash`.
struct VolumeTrashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trash", abstract: "Volumes that wait to be deleted, where the pool keeps them.",
        subcommands: [
            VolumeTrashList.self, VolumeTrashMove.self, VolumeTrashRestore.self, VolumeTrashPurge.self,
        ])
}

/// The verb `volume trash list POOL`.
struct VolumeTrashList: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List what is in a pool's trash.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let (pool, trash) = try await session.engine().trash(ofPool: target.pool)
        let rows = trash.map { TrashRow(pool: pool, trashed: $0) }
        return Report(
            .table(Table(rows, ListingStyle(isExact: sizes.bytes))),
            document: ["pool": .string(pool), "trash": .array(rows.map(\.json))])
    }
}

/// The verb `volume trash move VOLUME`.
struct VolumeTrashMove: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Take a volume out of its pool, to be had back until it is purged.")

    @OptionGroup var target: VolumeArgument

    @Option(
        help: ArgumentHelp("How long it isn't to be purged: 12h, 7d.", valueName: "time"),
        transform: Duration.init(parsing:))
    var keepFor: Duration = .zero

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let (pool, trashed) = try await session.engine().moveToTrash(target.reference, keeping: keepFor)
        return Report(
            document: ["changed": .bool(true), "trashed": TrashRow(pool: pool, trashed: trashed).json],
            notice: "Volume \(trashed.name) moved to the trash of pool \(pool), as \(trashed.id).")
    }
}

/// The verb `volume trash restore POOL ENTRY`.
struct VolumeTrashRestore: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make what is in the trash a volume again.")

    @OptionGroup var target: PoolArgument

    @Argument(help: "Its id, or what it was called.")
    var entry: String

    @Option(help: "What it is to be called, if not what it was.")
    var name: String?

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().restoreFromTrash(entry, ofPool: target.pool, as: name)
        return .change(change, done: "restored", already: "was already there")
    }
}

/// The verb `volume trash purge POOL [ENTRY]`.
struct VolumeTrashPurge: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Delete what is in the trash, once its time has come.")

    @OptionGroup var target: PoolArgument

    @Argument(help: "Only this one: its id, or what it was called.")
    var entry: String?

    @Flag(help: "Also what is still to be kept.")
    var force = false

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let what = entry.map { "\($0) in" } ?? (force ? "everything in" : "what isn't kept any more of")
        try await session.confirm("Delete \(what) the trash of pool \(target.pool), with all data?", confirmation)
        let progress = ProgressPrinter(progress.progress, session, label: "Deleting")
        defer { progress.finish() }
        let outcome = try await session.engine().purgeTrash(
            ofPool: target.pool, entry: entry, isForced: force, progress: progress)
        let rows = outcome.purged.map { TrashRow(pool: outcome.pool, trashed: $0) }
        let failure = outcome.failures.first { $0.code == .cancelled } ?? outcome.failures.first
        let problems = outcome.failures.map(Problem.init)
        let count = rows.count == 1 ? "1 volume" : "\(rows.count) volumes"
        var report = Report(
            document: [
                "changed": .bool(!rows.isEmpty), "pool": .string(outcome.pool), "purged": .array(rows.map(\.json)),
                "problems": .array(problems.map(\.json)),
            ], notice: "\(count) purged from the trash of pool \(outcome.pool).")
        report.problems = outcome.failures.filter { $0 != failure }.map(Problem.init)
        report.failure = failure
        return report
    }
}

/// What is in the trash as a row of a table and an object of JSON.
struct TrashRow: Listing {
    var pool: String
    var trashed: TrashedVolume

    static func columns(_ style: ListingStyle) -> [Table.Column] {
        [
            .left("ID"), .left("NAME"), .right("CAPACITY"), .left("DELETED"), .left("KEPT-UNTIL"),
            .left("SOURCE", optional: true),
        ]
    }

    func cells(_ style: ListingStyle) -> [String?] {
        [
            trashed.id, trashed.name, trashed.capacity?.text(exact: style.isExact), trashed.deletedAt?.rfc3339,
            trashed.keptUntil?.rfc3339, trashed.source,
        ]
    }

    var json: JSONValue {
        var object: JSONObject = [
            "id": .string(trashed.id), "name": .string(trashed.name), "pool": .string(pool),
        ]
        object["capacity"] = .optional(trashed.capacity)
        object["snapshots"] = .optional(trashed.snapshots)
        object["deleted_at"] = .optional(trashed.deletedAt?.rfc3339)
        object["kept_until"] = .optional(trashed.keptUntil?.rfc3339)
        object["source"] = .optional(trashed.source)
        return .object(object)
    }
}
