import ArgumentParser
import SANModel
import SANXML

/// The noun `xml`.
struct XMLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xml", abstract: "Documents: pool, volume, secret, device, encryption.",
        subcommands: [XMLFormat.self, XMLValidate.self])
}

/// The verb `xml format FILE`.
struct XMLFormat: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "format", abstract: "Read any of the documents and print its canonical form.")

    @OptionGroup var document: FileArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let parsed = try await session.document(document.file) { bytes throws(StorageError) in
            try AnyXMLDocument(xml: bytes)
        }
        let xml = parsed.xml
        return Report(.xml(xml), document: ["xml": .string(xml)])
    }
}

/// The verb `xml validate FILE`.
struct XMLValidate: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Hold a document against the schema for its root element.",
        discussion: "Every violation is a line FILE:LINE:COLUMN: message. The exit code is 0 or 65.")

    @OptionGroup var document: FileArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let check = try await session.document(document.file) { bytes throws(StorageError) in try SchemaCheck(bytes) }
        let name = InputFile(document.file, console: session.console).name
        let lines = check.violations.map { "\(name.terminalSafe):\($0.location): \($0.message.terminalSafe)\n" }
        let objects = check.violations.map { violation -> JSONValue in
            var object: JSONObject = ["message": .string(violation.message)]
            object["line"] = .optional(violation.location.line)
            object["column"] = .optional(violation.location.column)
            return .object(object)
        }
        var report = Report(
            .lines(lines.joined()),
            document: ["valid": .bool(lines.isEmpty), "violations": .array(objects)])
        if lines.isEmpty {
            report.notice = "\(name) is valid."
        } else {
            let count = lines.count == 1 ? "one violation" : "\(lines.count) violations"
            report.failure = StorageError(
                .malformedDefinition, "\(name.printable) has \(count) of its schema", subject: .path(name))
        }
        return report
    }
}
