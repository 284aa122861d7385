import ArgumentParser
import SANEngine
import SANModel

/// The verbs of `volume snapshot`.
struct VolumeSnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Snapshots of a volume, where the pool has them.",
        subcommands: [
            VolumeSnapshotList.self, VolumeSnapshotCreate.self, VolumeSnapshotDelete.self, VolumeSnapshotProtect.self,
            VolumeSnapshotUnprotect.self, VolumeSnapshotRollback.self,
        ])
}

/// The VOLUME@SNAPSHOT that a verb is about.
struct SnapshotArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The volume's name, key or path, and its snapshot.", valueName: "volume@snapshot"),
        completion: .custom(CompletionContext.volumes))
    var snapshot: String

    @Option(
        help: "The pool that the volume is in, where its name is ambiguous.",
        completion: .custom(CompletionContext.pools))
    var pool: String?

    /// - Throws: `invalid_argument` without a snapshot.
    func split(_ engine: StorageEngine) throws(StorageError) -> (volume: VolumeReference, name: String) {
        let (volume, name) = try engine.splitSnapshot(VolumeReference(snapshot, pool: pool))
        guard let name, !name.isEmpty else {
            throw StorageError(.invalidArgument, "'\(snapshot)' names no snapshot: it is VOLUME@SNAPSHOT")
        }
        return (volume, name)
    }
}

/// The verb `volume snapshot list VOLUME`.
struct VolumeSnapshotList: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List a volume's snapshots, the oldest first.")

    @OptionGroup var target: VolumeArgument
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let snapshots = try await session.engine().snapshots(of: target.reference)
        return Report(
            .table(Table(snapshots, ListingStyle(isExact: sizes.bytes))),
            document: ["snapshots": .array(snapshots.map(\.json))])
    }
}

/// The verb `volume snapshot create VOLUME@SNAPSHOT`.
struct VolumeSnapshotCreate: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Keep what a volume holds now.",
        discussion: "Of a volume that a virtual machine uses it holds what a power failure would leave.")

    @OptionGroup var target: SnapshotArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let (volume, name) = try target.split(engine)
        return .change(try await engine.createSnapshot(name, of: volume), done: "created", already: "was already there")
    }
}

/// The verb `volume snapshot delete VOLUME@SNAPSHOT`.
struct VolumeSnapshotDelete: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Give up what a snapshot keeps.")

    @OptionGroup var target: SnapshotArgument
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let (volume, name) = try target.split(engine)
        try await session.confirm("Delete the snapshot \(name) of volume \(volume.text)?", confirmation)
        return .change(try await engine.deleteSnapshot(name, of: volume), done: "deleted", already: "was already gone")
    }
}

/// The verb `volume snapshot protect VOLUME@SNAPSHOT`.
struct VolumeSnapshotProtect: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "protect", abstract: "Have a snapshot refuse to be deleted.")

    @OptionGroup var target: SnapshotArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let (volume, name) = try target.split(engine)
        return .change(
            try await engine.setProtection(true, ofSnapshot: name, of: volume), done: "protected",
            already: "was already protected")
    }
}

/// The verb `volume snapshot unprotect VOLUME@SNAPSHOT`.
struct VolumeSnapshotUnprotect: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "unprotect", abstract: "Let a snapshot be deleted again.")

    @OptionGroup var target: SnapshotArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let (volume, name) = try target.split(engine)
        return .change(
            try await engine.setProtection(false, ofSnapshot: name, of: volume), done: "unprotected",
            already: "wasn't protected")
    }
}

/// The verb `volume snapshot rollback VOLUME@SNAPSHOT`.
struct VolumeSnapshotRollback: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Make a volume what it was at its snapshot.")

    @OptionGroup var target: SnapshotArgument
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let (volume, name) = try target.split(engine)
        try await session.confirm(
            "Roll volume \(volume.text) back to its snapshot \(name), and lose what was written since?", confirmation)
        let progress = ProgressPrinter(progress.progress, session, label: "Rolling back")
        defer { progress.finish() }
        return .change(
            try await engine.rollBack(volume, to: name, progress: progress), done: "rolled back to \(name)",
            already: "was already so")
    }
}

/// The verb `volume flatten VOLUME`.
struct VolumeFlatten: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "flatten", abstract: "Give a clone all data of its own, so that it stands on nothing.")

    @OptionGroup var target: VolumeArgument
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let progress = ProgressPrinter(progress.progress, session, label: "Flattening")
        defer { progress.finish() }
        return .change(
            try await session.engine().flatten(target.reference, progress: progress), done: "flattened",
            already: "stood on nothing")
    }
}

extension Report {
    /// One snapshot after a change: `{version, changed, snapshot}`.
    fileprivate static func change(_ change: Change<LocatedSnapshot>, done: String, already: String) -> Report {
        Report(
            document: ["changed": .bool(change.isChanged), "snapshot": change.value.json],
            notice: "Snapshot \(change.value.snapshot.name) of volume \(change.value.volume) "
                + (change.isChanged ? done : already) + ".")
    }
}
