import ArgumentParser
import SANModel

/// The POOL that a verb is about.
struct PoolArgument: ParsableArguments {
    @Argument(help: "The pool's name or UUID.", completion: .custom(CompletionContext.pools))
    var pool: String
}

/// The VOLUME that a verb is about.
struct VolumeArgument: ParsableArguments {
    @Argument(help: "The volume's name, key or path.", completion: .custom(CompletionContext.volumes))
    var volume: String

    @Option(
        help: "The pool that the volume is in, where its name is ambiguous.",
        completion: .custom(CompletionContext.pools))
    var pool: String?
}

/// The SECRET that a verb is about.
struct SecretArgument: ParsableArguments {
    @Argument(
        help: "The secret's UUID, or iscsi:USAGE, ceph:USAGE, volume:USAGE.",
        completion: .custom(CompletionContext.secrets))
    var secret: String
}

/// The VHBA that a verb is about.
struct VHBAArgument: ParsableArguments {
    @Argument(
        help: "The vHBA's name, its SCSI host (scsi_hostN), or its WWPN.", completion: .custom(CompletionContext.hbas))
    var vhba: String
}

/// The HOST that a verb is about.
struct HostArgument: ParsableArguments {
    @Argument(
        help: "The host's name (scsi_hostN), PCI address, WWPN, or iSCSI target.",
        completion: .custom(CompletionContext.hosts))
    var host: String
}

/// The FILE that a verb reads.
struct FileArgument: ParsableArguments {
    @Argument(help: "The document; - is standard input.", completion: .file(extensions: ["xml"]))
    var file: String
}

/// The document that is a definition.
struct DefinitionArgument: ParsableArguments {
    @OptionGroup var document: FileArgument

    @Flag(help: "Hold the document against its schema first.")
    var validate = false

    /// - Throws: `malformed_definition` with line and column, and what reading the file throws.
    func read<Document>(
        in session: Session, _ parse: ([UInt8]) throws(StorageError) -> Document
    ) async throws(StorageError) -> Document {
        try await session.document(document.file, validated: validate, parse)
    }
}

/// Whether sizes are for people.
struct SizeOptions: ParsableArguments {
    @Flag(help: "Print sizes in bytes.")
    var bytes = false
}

/// What `build` does with something that is there already.
struct BuildOptions: ParsableArguments {
    @Flag(help: "Build over what is there.")
    var overwrite = false

    @Flag(help: "Don't build where there is something.")
    var noOverwrite = false

    func validate() throws {
        guard !(overwrite && noOverwrite) else {
            throw ValidationError("--overwrite and --no-overwrite exclude each other")
        }
    }
}
