import SANModel

/// Prints elements in libvirt's form: single quotes, two spaces of indentation, an empty container on two lines.
///
/// Each known element gets the foreign content of its place; one that has no value is printed where it has such content.
struct XMLWriter {
    typealias Attributes = KeyValuePairs<String, String?>
    typealias Namespaces = [(prefix: String, namespace: String)]

    private(set) var text = ""
    private var indentation: Int
    /// The foreign content of the element that is being printed, and how many known children it has so far.
    private var open = ForeignContent()
    private var positions: [String: Int] = [:]

    init(indentation: Int = 0) {
        self.indentation = indentation
    }

    /// An element with elements inside it.
    ///
    /// - Parameters:
    ///   - foreign: nil takes what the element around it has for it.
    ///   - place: what the reader calls it; nil for its name.
    ///   - isNeeded: whether it is printed without foreign content.
    mutating func container(
        _ name: String, _ attributes: Attributes = [:], namespaces: Namespaces = [], foreign: ForeignContent? = nil,
        place: String? = nil, isNeeded: Bool = true, _ contents: (inout XMLWriter) -> Void
    ) {
        guard isNeeded || holdsForeignContent(for: place ?? name) else { return }
        let foreign = foreign ?? nextForeignContent(for: place ?? name)
        let (outer, outerPositions) = (open, positions)
        (open, positions) = (foreign, [:])
        startTag(name, attributes, namespaces, foreign)
        text += ">\n"
        indentation += 1
        contents(&self)
        endLines(of: name, foreign)
        (open, positions) = (outer, outerPositions)
    }

    /// An element with attributes only.
    ///
    /// - Parameter isNeeded: whether it is printed without foreign content.
    mutating func empty(_ name: String, _ attributes: Attributes = [:], isNeeded: Bool = true) {
        guard isNeeded || holdsForeignContent(for: name) else { return }
        let foreign = nextForeignContent(for: name)
        startTag(name, attributes, [], foreign)
        guard !foreign.elements.isEmpty else {
            text += "/>\n"
            return
        }
        text += ">\n"
        indentation += 1
        endLines(of: name, foreign)
    }

    /// An element that holds one value in an attribute; none for nil.
    mutating func value(_ name: String, _ attribute: String, _ value: String?) {
        empty(name, [attribute: value], isNeeded: value != nil)
    }

    /// An element that holds text; none for nil.
    mutating func leaf(_ name: String, _ value: String?, _ attributes: Attributes = [:]) {
        guard value != nil || holdsForeignContent(for: name) else { return }
        let foreign = nextForeignContent(for: name)
        startTag(name, attributes, [], foreign)
        guard value != nil || !foreign.elements.isEmpty else {
            text += "/>\n"
            return
        }
        // On one line: white space would be text.
        text += ">" + (value ?? "").escapedForXML + foreign.elements.joined() + "</" + name + ">\n"
    }

    /// A size in bytes; none for nil.
    mutating func size(_ name: String, _ value: ByteCount?, unit: String = "bytes") {
        leaf(name, value.map { String($0.bytes) }, ["unit": value == nil ? nil : unit])
    }

    // MARK: Foreign content

    private func holdsForeignContent(for place: String) -> Bool {
        !open.nested.isEmpty && open.nested[.init(place, positions[place, default: 0])] != nil
    }

    private mutating func nextForeignContent(for place: String) -> ForeignContent {
        guard !open.nested.isEmpty else { return ForeignContent() }
        let position = positions[place, default: 0]
        positions[place] = position + 1
        return open.nested[.init(place, position)] ?? ForeignContent()
    }

    // MARK: Pieces

    private mutating func startLine() {
        text += String(repeating: "  ", count: indentation)
    }

    private mutating func startTag(
        _ name: String, _ attributes: Attributes, _ namespaces: Namespaces, _ foreign: ForeignContent
    ) {
        startLine()
        text += "<" + name
        for (name, value) in attributes {
            if let value { text += " " + name + "='" + value.escapedForXMLAttribute + "'" }
        }
        write(foreign.attributes, declaring: namespaces)
    }

    /// Foreign elements, one on a line, and the end tag.
    private mutating func endLines(of name: String, _ foreign: ForeignContent) {
        for element in foreign.elements {
            startLine()
            text += element + "\n"
        }
        indentation -= 1
        startLine()
        text += "</" + name + ">\n"
    }

    private mutating func write(_ attributes: [ForeignContent.Attribute], declaring namespaces: Namespaces) {
        guard !namespaces.isEmpty || !attributes.isEmpty else { return }
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
    public var escapedForXMLAttribute: String { escapedForXML(inAttribute: true) }

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
