import SANModel

/// The one place that prints: reports to standard output, notices, warnings and errors.
struct Printer: Sendable {
    let console: Console
    let format: OutputFormat
    let isQuiet: Bool

    /// - Returns: the exit code.
    func print(_ report: Report) -> Int32 {
        do throws(StorageError) {
            switch (format, report.document) {
            case (.json, let members?): try printDocument(members())
            default: try printBody(report)
            }
        } catch {
            return print(error)
        }
        return report.failure.map(print) ?? 0
    }

    /// - Returns: the exit code.
    func print(_ error: StorageError) -> Int32 {
        if console.isOutputBroken { return Printer.brokenPipe }
        if format == .json {
            console.report(JSONWriter.text(of: ["error": error.json], compact: true) + "\n")
        } else {
            console.report(error.lines)
        }
        return error.code.exitCode
    }

    /// A warning for people; with JSON there is nothing on standard error but the error.
    func warn(_ message: String) {
        if format != .json { console.report("warning: " + message.terminalSafe + "\n") }
    }

    /// The exit code when the reader of our output went away: what a shell shows for SIGPIPE.
    static let brokenPipe: Int32 = 141

    private func printDocument(_ members: JSONObject) throws(StorageError) {
        var document = members
        document[JSONObject.versionKey] = 1
        try console.print(JSONWriter.text(of: .object(document)) + "\n")
    }

    private func printBody(_ report: Report) throws(StorageError) {
        switch report.body {
        case .nothing: break
        case .table(let table): try console.print(table.text)
        case .fields(let fields): try console.print(fields.text)
        case .lines(let text): try console.print(text)
        case .value(let text): try console.print((console.isOutputTerminal ? text.terminalSafe : text) + "\n")
        case .xml(let text): try console.print(console.isOutputTerminal ? text.terminalSafeXML : text)
        case .bytes(let bytes): try console.print(bytes)
        }
        if let notice = report.notice, !isQuiet {
            let line = notice.terminalSafe + "\n"
            if report.isOutputTaken { console.report(line) } else { try console.print(line) }
        }
        for problem in report.problems { warn(problem.line) }
    }
}
