import SANModel

extension StorageError {
    /// For people: `error: FILE:LINE:COLUMN: message`, and the causes below it, each a line with two more spaces.
    var lines: String { lines(indent: 0) }

    private func lines(indent: Int) -> String {
        let label = indent == 0 ? "error: " : String(repeating: "  ", count: indent) + "caused by: "
        let own = label + place + message.terminalSafe + "\n"
        return causes.reduce(own) { $0 + $1.lines(indent: indent + 1) }
    }

    private var place: String {
        guard let location else { return "" }
        let file = subject.values[.path].map { $0.terminalSafe + ":" } ?? ""
        return "\(file)\(location): "
    }

    /// The object `{code, message, subject, causes}`, with line and column where there are any.
    var json: JSONValue {
        var object: JSONObject = [
            "code": .string(code.rawValue), "message": .string(message), "subject": subject.json,
            "causes": .array(causes.map(\.json)),
        ]
        object["line"] = .optional(location?.line)
        object["column"] = .optional(location?.column)
        return .object(object)
    }
}

extension StorageError.Subject {
    var json: JSONValue {
        var object = JSONObject()
        for (kind, value) in values { object[kind.rawValue] = .string(value) }
        return .object(object)
    }
}

extension Problem {
    /// A line such as `volume unit:0:0:3: message`.
    var line: String {
        let about = [StorageError.Subject.Kind.pool, .volume, .secret].compactMap { kind in
            subject.values[kind].map { "\(kind.rawValue) \($0)" }
        }
        return about.isEmpty ? message : about.joined(separator: ", ") + ": " + message
    }

    var json: JSONValue {
        ["code": .string(code.rawValue), "message": .string(message), "subject": subject.json]
    }
}
