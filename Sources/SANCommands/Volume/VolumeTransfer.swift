import ArgumentParser
import SANEngine
import SANModel
import SystemPackage

/// Which part of a volume is moved, and how its progress is shown.
struct TransferOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where in the volume to begin.", valueName: "size"), transform: ByteCount.init(parsing:))
    var offset: ByteCount?

    @Option(help: ArgumentHelp("How much to move at most.", valueName: "size"), transform: ByteCount.init(parsing:))
    var length: ByteCount?

    @Flag(help: "Leave runs of zeros out; the result reads the same.")
    var sparse = false

    var request: TransferRequest { TransferRequest(offset: offset ?? 0, length: length, isSparse: sparse) }
}

/// How progress is shown.
struct ProgressOptions: ParsableArguments {
    @Option(help: "A bar on a terminal (auto), nothing, or JSON lines on standard error.")
    var progress: ProgressStyle = .auto
}

enum ProgressStyle: String, ExpressibleByArgument, CaseIterable, Sendable {
    case auto, none, json
}

/// The verb `volume upload VOLUME FILE`.
struct VolumeUpload: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "upload", abstract: "Write a file's or pipe's bytes to a volume.")

    @OptionGroup var target: VolumeArgument

    @Argument(help: "What to read; - is standard input.", completion: .file())
    var file: String

    @OptionGroup var transfer: TransferOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let located = try await engine.volume(target.reference)
        let file = try await TransferFile.reading(file, session.console)
        defer { file.close() }
        let progress = ProgressPrinter(progress.progress, session, label: "Uploading")
        defer { progress.finish() }
        let summary = try await engine.upload(file.end, to: target.reference, transfer.request, progress: progress)
        progress.finish()
        return .moved(summary, located, "Uploaded \(summary.bytes.human) to")
    }
}

/// The verb `volume download VOLUME FILE`.
struct VolumeDownload: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Write a volume's bytes to a file or pipe.",
        discussion: "FILE is made with mode 0600, or overwritten once the volume was found to be there and readable. "
            + "What is in it after a failure is told with the error."
    )

    @OptionGroup var target: VolumeArgument

    @Argument(help: "Where to write; - is standard output.", completion: .file())
    var file: String

    @OptionGroup var transfer: TransferOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        // A volume that isn't there must not cost the user the file.
        let located = try await engine.volume(target.reference)
        let file = try await TransferFile.writing(file)
        var request = transfer.request
        request.isSparse = request.isSparse && file.mayHaveHoles
        let progress = ProgressPrinter(progress.progress, session, label: "Downloading")
        defer { progress.finish() }
        do throws(StorageError) {
            let summary = try await engine.download(
                target.reference, to: file.end, request, progress: progress, emptying: file.emptying)
            progress.finish()
            try file.closeChecked()
            var report = Report.moved(summary, located, "Downloaded \(summary.bytes.human) of")
            report.isOutputTaken = file.isStandardOutput
            if file.isStandardOutput { report.document = nil }
            return report
        } catch {
            throw file.leaving(error, done: progress.done)
        }
    }
}

/// The verb `volume wipe VOLUME`.
struct VolumeWipe: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "wipe", abstract: "Overwrite all of a volume.")

    @OptionGroup var target: VolumeArgument

    @Option(help: "How, by virsh's names.")
    var algorithm: WipeAlgorithm = .zero

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        try await session.confirmLoss("Wipe", target.reference, engine, confirmation)
        let located = try await engine.volume(target.reference)
        let progress = ProgressPrinter(progress.progress, session, label: "Wiping")
        defer { progress.finish() }
        do throws(StorageError) {
            let summary = try await engine.wipeVolume(target.reference, algorithm, progress: progress)
            progress.finish()
            return .moved(summary, located, "Wiped \(summary.bytes.human) of")
        } catch {
            throw progress.done == 0 ? error : error.leavingUnwiped(located)
        }
    }
}

extension Report {
    fileprivate static func moved(_ summary: TransferSummary, _ located: LocatedVolume, _ done: String) -> Report {
        Report(
            document: [
                "volume": VolumeRow(located).json, "bytes": .number(summary.bytes.bytes),
                "moved": .number(summary.moved.bytes),
            ],
            notice: "\(done) volume \(located.volume.name).")
    }
}

extension StorageError {
    /// The error of a wipe that had begun: how far a pass came says nothing about what can still be read.
    fileprivate func leavingUnwiped(_ located: LocatedVolume) -> StorageError {
        adding(
            cause: StorageError(
                .invalidState, "The volume isn't wiped: what was on it may still be there, in part or whole",
                subject: .volume(located.volume.name)))
    }
}
