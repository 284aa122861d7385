import SANModel

/// Prints elements in libvirt's form: single quotes, two spaces of indentation, an empty container on two lines.
struct XMLWriter {
    typealias Attributes = KeyValuePairs<String, String?>

    private(set) var text = ""
    private var indentation: Int

    init(indentation: Int = 0) {
        self.indentation = indentation
    }

    /// An element with elements inside it.
    mutating func container(
        _ name: String, _ attributes: Attributes = [:], namespaces: [(prefix: String, namespace: String)] = [],
        foreign: ForeignContent = ForeignContent(), _ contents: (inout XMLWriter) -> Void
    ) {
        startLine()
        text += "<" + name
        write(attributes)
        write(foreign.attributes, declaring: namespaces)
        text += ">\n"
        indentation += 1
        contents(&self)
        for element in foreign.elements {
            startLine()
            text += element + "\n"
        }
        indentation -= 1
        startLine()
        text += "</" + name + ">\n"
    }

    /// An element with attributes only.
    mutating func empty(_ name: String, _ attributes: Attributes = [:]) {
        startLine()
        text += "<" + name
        write(attributes)
        text += "/>\n"
    }

    /// An element that holds text; none for nil.
    mutating func leaf(_ name: String, _ value: String?, _ attributes: Attributes = [:]) {
        guard let value else { return }
        startLine()
        text += "<" + name
        write(attributes)
        text += ">" + value.escapedForXML + "</" + name + ">\n"
    }

    /// A size in bytes; none for nil.
    mutating func size(_ name: String, _ value: ByteCount?, unit: String = "bytes") {
        leaf(name, value.map { String($0.bytes) }, ["unit": unit])
    }

    private mutating func startLine() {
        text += String(repeating: "  ", count: indentation)
    }

    private mutating func write(_ attributes: Attributes) {
        for (name, value) in attributes {
            if let value { text += " " + name + "='" + value.escapedForXMLAttribute + "'" }
        }
    }

    private mutating func write(
        _ attributes: [ForeignContent.Attribute], declaring namespaces: [(prefix: String, namespace: String)]
    ) {
        var declared: Set = ["", "xml"]
        for (prefix, namespace) in namespaces + attributes.map({ ($0.prefix, $0.namespace) })
        where declared.insert(prefix).inserted {
            text += " xmlns:" + prefix + "='" + namespace.escapedForXMLAttribute + "'"
        }
        for attribute in attributes {
            text += " " + (attribute.prefix.isEmpty ? "" : attribute.prefix + ":") + attribute.name
            text += "='" + attribute.value.escapedForXMLAttribute + "'"
        }
    }
}

extension String {
    /// Escaped as libvirt does, quotes included, in text as well.
    ///
    /// A carriage return is written as a reference, or a parser would make a newline of it; what XML can't hold at all
    /// (NUL, other control characters, U+FFFE) becomes U+FFFD.
    var escapedForXML: String { escapedForXML(inAttribute: false) }

    /// The same, with tabs and newlines as references too: a parser makes spaces of plain ones.
    var escapedForXMLAttribute: String { escapedForXML(inAttribute: true) }

    private func escapedForXML(inAttribute: Bool) -> String {
        guard utf8.contains(where: { $0 < 0x20 || $0 == 0xEF || "<>&'\"".utf8.contains($0) }) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "'": result += "&apos;"
            case "\"": result += "&quot;"
            case "\r": result += "&#13;"
            case "\t" where inAttribute: result += "&#9;"
            case "\n" where inAttribute: result += "&#10;"
            case "\t", "\n": result.unicodeScalars.append(scalar)
            case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": result.unicodeScalars.append("\u{FFFD}")
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
