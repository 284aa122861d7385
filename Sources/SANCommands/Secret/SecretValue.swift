import ArgumentParser
import SANEngine
import SANModel

/// The verb `secret set-value SECRET`.
struct SecretSetValue: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-value", abstract: "Give a secret its value.",
        discussion: """
            The value is never an argument, where everybody could read it. Bytes of a file or of standard input are taken as \
            they are, a newline at their end included; the newline that ends what is typed is no part of the value.
            """)

    @OptionGroup var target: SecretArgument

    @Option(help: "Read the value from a file.", completion: .file())
    var file: String?

    @Flag(help: "Read the value from standard input.")
    var stdin = false

    @Flag(help: "Ask for the value on the terminal.")
    var interactive = false

    @Flag(name: .customLong("base64"), help: "What is read is base64 of the value.")
    var isBase64 = false

    @OptionGroup var globals: GlobalOptions

    /// The most bytes of a value that are read.
    private static let limit = 64 << 10

    func validate() throws {
        guard [file != nil, stdin, interactive].filter({ $0 }).count == 1 else {
            throw ValidationError("One of --file, --stdin and --interactive is needed")
        }
    }

    func perform(in session: Session) async throws(StorageError) -> Report {
        let engine = try session.engine()
        // A mistyped name is told before anybody types a password.
        let status = try await engine.secret(target.secret)
        var bytes = try await read(session, label: status.label)
        defer { SecretBytes.wipe(&bytes) }
        if isBase64 {
            guard var decoded = Base64.decode(bytes) else {
                throw StorageError(.invalidArgument, "The value isn't base64", subject: .secret(status.label))
            }
            SecretBytes.wipe(&bytes)
            swap(&bytes, &decoded)
        } else if bytes.last == UInt8(ascii: "\n") {
            session.printer.warn("the value ends in a newline, which is part of it; printf %s leaves it out")
        }
        guard !bytes.isEmpty else {
            throw StorageError(.invalidArgument, "The value is empty", subject: .secret(status.label))
        }
        let change = try await engine.setSecretValue(target.secret, to: SecretBytes(bytes))
        return .change(change, done: "has a new value", already: "already has this value")
    }

    private func read(_ session: Session, label: String) async throws(StorageError) -> [UInt8] {
        if interactive { return try await session.askSecretly("Value of \(label.terminalSafe): ") }
        let file = InputFile(file ?? "-", console: session.console)
        return try await file.read(limit: SecretSetValue.limit)
    }
}

/// The verb `secret get-value SECRET`.
struct SecretGetValue: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "get-value", abstract: "Print the value of a secret that isn't private.")

    @OptionGroup var target: SecretArgument

    @Flag(name: .customLong("base64"), help: "Print base64 of it, and a newline.")
    var isBase64 = false

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        guard session.options.format == .table else {
            throw StorageError(
                .invalidArgument, "A secret's value isn't printed as JSON: use --base64 without --output")
        }
        let value = try await session.engine().secretValue(target.secret)
        let bytes = value.withBytes { span in span.indices.map { span[$0] } }
        if isBase64 { return Report(.lines(Base64.encode(bytes) + "\n")) }
        if session.console.isOutputTerminal, bytes.contains(where: { $0 < 0x20 || $0 >= 0x7F }) {
            throw StorageError(
                .invalidArgument, "The value isn't plain text, which a terminal can't show: use --base64")
        }
        return Report(.bytes(bytes))
    }
}
