import ArgumentParser
import SANEngine
import SANModel
import SANXML

/// The verb `volume create POOL FILE`.
struct VolumeCreate: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a volume from a document.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var document: FileArgument
    @OptionGroup var options: VolumeDocumentOptions
    @OptionGroup var image: ImageSettingsOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        var definition = try await session.volumeDocument(document.file, options)
        definition.imageSettings = try image.applied(to: definition.imageSettings)
        return .created(
            try await session.engine().createVolume(
                definition, inPool: target.pool, preallocatesMetadata: options.prealloc))
    }
}

/// The verb `volume create-from POOL FILE SOURCE`.
struct VolumeCreateFrom: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "create-from", abstract: "Make a volume from a document, with another volume's data.")

    @OptionGroup var target: PoolArgument
    @OptionGroup var document: FileArgument

    @Argument(help: "The volume whose data it gets.", completion: .custom(CompletionContext.volumes))
    var source: String

    @Option(
        help: "The pool that SOURCE is in, where its name is ambiguous.", completion: .custom(CompletionContext.pools))
    var sourcePool: String?

    @OptionGroup var options: VolumeDocumentOptions
    @OptionGroup var image: ImageSettingsOptions
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        var definition = try await session.volumeDocument(document.file, options)
        definition.imageSettings = try image.applied(to: definition.imageSettings)
        let progress = ProgressPrinter(progress.progress, session, label: "Copying")
        defer { progress.finish() }
        return .created(
            try await session.engine().createVolume(
                definition, inPool: target.pool, preallocatesMetadata: options.prealloc,
                from: VolumeReference(source, pool: sourcePool), progress: progress))
    }
}

/// The verb `volume create-as POOL NAME CAPACITY`.
struct VolumeCreateAs: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "create-as", abstract: "Make a volume given by options.")

    @OptionGroup var target: PoolArgument

    @Argument(help: "The volume's name.")
    var name: String

    @Argument(help: "Its size: 10G, 512M, 20 GB.", transform: ByteCount.init(parsing:))
    var capacity: ByteCount

    @Option(
        help: ArgumentHelp("How much of it to allocate at once.", valueName: "size"),
        transform: ByteCount.init(parsing:))
    var allocation: ByteCount?

    @Option(help: ArgumentHelp("raw, qcow2, …", valueName: "format"))
    var format: String?

    @Option(help: ArgumentHelp("The volume or path that it stands on.", valueName: "volume"))
    var backing: String?

    @Option(help: ArgumentHelp("The format of the backing volume.", valueName: "format"))
    var backingFormat: String?

    @Flag(help: "Allocate qcow2 metadata ahead.")
    var prealloc = false

    @Flag(name: .customLong("print-xml"), help: "Print the document and do nothing else.")
    var printXML = false

    @OptionGroup var image: ImageSettingsOptions
    @OptionGroup var globals: GlobalOptions

    func validate() throws {
        guard backingFormat == nil || backing != nil else { throw ValidationError("--backing-format needs --backing") }
    }

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        var definition = VolumeDefinition(name: name, capacity: capacity)
        definition.allocation = allocation
        definition.target.format = format.map { VolumeFormat(rawValue: $0) }
        if let backing {
            definition.backingStore = BackingStore(
                path: try await path(of: backing, engine), format: backingFormat.map { VolumeFormat(rawValue: $0) })
        }
        definition.imageSettings = try image.applied(to: nil)
        try name.requireNoControlCharacters("volume")
        definition = try VolumeDefinition(xml: Array(definition.xml.utf8))
        if printXML {
            let xml = definition.xml
            return Report(.xml(xml), document: ["xml": .string(xml)])
        }
        return .created(
            try await engine.createVolume(definition, inPool: target.pool, preallocatesMetadata: prealloc))
    }

    /// An absolute path stands for itself; anything else is a volume, of this pool first.
    private func path(of backing: String, _ engine: StorageEngine) async throws(StorageError) -> String {
        if backing.hasPrefix("/") { return backing }
        do throws(StorageError) {
            return try await engine.volume(VolumeReference(backing, pool: target.pool)).volume.path
        } catch  where error.code == .notFound {
            return try await engine.volume(VolumeReference(backing)).volume.path
        }
    }
}

/// The verb `volume clone SOURCE[@SNAPSHOT] NEWNAME`.
struct VolumeClone: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "clone", abstract: "Make a volume with another's data.",
        discussion:
            "In an rbd pool the new volume stands on a snapshot of SOURCE: on SOURCE@SNAPSHOT where that is given, "
            + "else on one that is made for it. Elsewhere it is a copy.")

    @OptionGroup var source: VolumeArgument
    @Argument(help: "The new volume's name.")
    var newName: String
    @Option(help: "The pool to make it in, if not SOURCE's.", completion: .custom(CompletionContext.pools))
    var targetPool: String?
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        let (volume, snapshot) = try engine.splitSnapshot(source.reference)
        let progress = ProgressPrinter(progress.progress, session, label: "Copying")
        defer { progress.finish() }
        return .created(
            try await engine.cloneVolume(
                volume, snapshot: snapshot, named: newName, inPool: targetPool, progress: progress))
    }
}

/// How a volume's document is read and used.
struct VolumeDocumentOptions: ParsableArguments {
    @Flag(help: "Hold the document against its schema first.")
    var validate = false

    @Flag(help: "Allocate qcow2 metadata ahead.")
    var prealloc = false
}

extension Session {
    fileprivate func volumeDocument(
        _ file: String, _ options: VolumeDocumentOptions
    ) async throws(StorageError) -> VolumeDefinition {
        try await document(file, validated: options.validate) { bytes throws(StorageError) in
            try VolumeDefinition(xml: bytes)
        }
    }
}

extension Report {
    fileprivate static func created(_ change: Change<LocatedVolume>) -> Report {
        .change(change, done: "created in pool \(change.value.pool)", already: "was already there")
    }
}
