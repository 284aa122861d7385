/// Prints JSON: RFC 8259, UTF-8, two spaces of indentation or one line.
///
/// Besides what JSON asks for, every character that could act on a terminal (C0 and C1 controls, bidirectional overrides, line
/// separators) is written as an escape: a reader gets the same text back.
struct JSONWriter {
    private var text = ""
    private let isCompact: Bool

    private init(isCompact: Bool) {
        self.isCompact = isCompact
    }

    /// The text of a value, without a newline at its end.
    static func text(of value: JSONValue, compact: Bool = false) -> String {
        var writer = JSONWriter(isCompact: compact)
        writer.write(value, depth: 0)
        return writer.text
    }

    private mutating func write(_ value: JSONValue, depth: Int) {
        switch value {
        case .string(let string): write(string)
        case .number(let number): text += String(number)
        case .bool(let flag): text += flag ? "true" : "false"
        case .null: text += "null"
        case .array(let elements):
            writeList("[", "]", count: elements.count, depth: depth) { writer, index in
                writer.write(elements[index], depth: depth + 1)
            }
        case .object(let object):
            let members = object.sorted
            writeList("{", "}", count: members.count, depth: depth) { writer, index in
                writer.write(members[index].key)
                writer.text += writer.isCompact ? ":" : ": "
                writer.write(members[index].value, depth: depth + 1)
            }
        }
    }

    private mutating func writeList(
        _ start: String, _ end: String, count: Int, depth: Int, element: (inout JSONWriter, Int) -> Void
    ) {
        text += start
        for index in 0..<count {
            if index > 0 { text += "," }
            breakLine(depth + 1)
            element(&self, index)
        }
        if count > 0 { breakLine(depth) }
        text += end
    }

    private mutating func breakLine(_ depth: Int) {
        if !isCompact { text += "\n" + String(repeating: "  ", count: depth) }
    }

    private mutating func write(_ string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.actsOnTerminals:
                for unit in String(scalar).utf16 { text += JSONWriter.escape(unit) }
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
