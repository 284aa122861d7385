import ArgumentParser
import SANEngine
import SANModel

/// The verb `volume resize VOLUME CAPACITY`.
struct VolumeResize: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "resize", abstract: "Change a volume's capacity.")

    @OptionGroup var target: VolumeArgument

    @Argument(help: "Its new size: 10G, 512M.", transform: ByteCount.init(parsing:))
    var capacity: ByteCount

    @Flag(help: "CAPACITY is added to what there is; with --shrink it is taken from it.")
    var delta = false

    @Flag(help: "Allow the volume to lose its end.")
    var shrink = false

    @Flag(help: "With --shrink, cut an image of an rbd pool even while somebody has it open.")
    var force = false

    @Flag(help: "Allocate the new space at once.")
    var allocate = false

    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func validate() throws {
        if force, !shrink { throw ValidationError("--force is for --shrink: give both") }
    }

    func perform(in session: Session) async throws(StorageError) -> Report {
        let progress = ProgressPrinter(progress.progress, session, label: "Resizing")
        defer { progress.finish() }
        let change = try await session.engine().resizeVolume(
            target.reference, to: capacity, isDelta: delta, allowsShrink: shrink, allocates: allocate,
            isForced: force, progress: progress)
        let size = change.value.volume.definition.capacity.map(\.human) ?? "its new size"
        return .change(change, done: "resized to \(size)", already: "was already of that size")
    }
}

/// The verb `volume delete VOLUME`.
struct VolumeDelete: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Destroy a volume and its data.")

    @OptionGroup var target: VolumeArgument
    @Flag(help: "Its snapshots too.")
    var deleteSnapshots = false
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        try await session.confirmLoss("Delete", target.reference, engine, confirmation)
        let progress = ProgressPrinter(progress.progress, session, label: "Deleting")
        defer { progress.finish() }
        let change = try await engine.deleteVolume(
            target.reference, deletingSnapshots: deleteSnapshots, progress: progress)
        return .change(change, done: "deleted", already: "was already gone")
    }
}

extension Session {
    /// Asks before a volume's data is lost, naming what a person knows it by.
    func confirmLoss(
        _ verb: String, _ reference: VolumeReference, _ engine: StorageEngine, _ options: ConfirmationOptions
    ) async throws(StorageError) {
        var question = "\(verb) volume \(reference.text) with all its data?"
        if console.isInteractive, !options.yes {
            let located = try await engine.volume(reference)
            let marks = [located.volume.definition.capacity?.human, located.volume.unit?.wwid].compactMap { $0 }
            let identity = marks.isEmpty ? "" : " (" + marks.joined(separator: ", ") + ")"
            question = "\(verb) volume \(located.volume.name) of pool \(located.pool)\(identity), with all its data?"
        }
        try await confirm(question, options)
    }
}
