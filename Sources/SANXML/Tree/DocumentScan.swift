import SANModel

/// The look at a document's bytes before libxml2 gets them: encoding, DOCTYPE and sizes.
///
/// libxml2 compares every attribute of a start tag with every other one (2.9.14), a tree of elements costs a hundred
/// times its text, and recursion over it costs stack: what no storage definition needs is refused here, in one pass.
struct DocumentScan {
    /// In bytes.
    static let maximumSize = 16 << 20
    static let maximumDepth = 64
    /// In one start tag, namespace declarations included.
    static let maximumAttributes = 128
    /// Elements and attributes, all in all.
    static let maximumNodes = 250_000
    /// Namespace declarations, all in all.
    static let maximumDeclarations = 1_000

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0
    private var nodes = 0
    private var declarations = 0

    /// The document's bytes without a byte order mark, if they may be parsed.
    ///
    /// - Throws: `malformed_definition`.
    static func checked(_ document: [UInt8]) throws(StorageError) -> [UInt8] {
        guard document.count <= maximumSize else {
            throw StorageError(
                .malformedDefinition,
                "The document is \(document.count) bytes long: \(maximumSize) bytes (16 MiB) are the most that is read",
                location: SourceLocation(line: 1, column: 1))
        }
        let bytes = document.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(document.dropFirst(3)) : document
        var scan = DocumentScan(bytes)
        try scan.checkEncoding()
        try scan.checkMarkup()
        return bytes
    }

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    private func malformed(_ message: String, at offset: Int) -> StorageError {
        StorageError(.malformedDefinition, message, location: LocationCursor.location(of: offset, in: bytes))
    }

    // MARK: Encoding

    private func checkEncoding() throws(StorageError) {
        if bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE]) {
            throw malformed("The document is in UTF-16: save it as UTF-8", at: 0)
        }
        if let zero = bytes.firstIndex(of: 0) {
            throw malformed("The document holds a NUL byte: save it as UTF-8 text", at: zero)
        }
        if String(validating: bytes, as: UTF8.self) == nil {
            throw malformed("The document isn't UTF-8: save it as UTF-8", at: firstInvalidByte())
        }
        guard let encoding = declaredEncoding() else { return }
        let name = encoding.lowercased()
        let isPlain = name == "us-ascii" || name.hasPrefix("iso-8859-")
        guard name == "utf-8" || isPlain && bytes.allSatisfy({ $0 < 0x80 }) else {
            throw malformed(
                "The document says that its encoding is '\(encoding.printable)': save it as UTF-8 and say so", at: 0)
        }
    }

    private func firstInvalidByte() -> Int {
        var decoder = UTF8()
        var source = bytes.makeIterator()
        var valid = 0
        while case .scalarValue(let scalar) = decoder.decode(&source) { valid += UTF8.width(scalar) }
        return valid
    }

    /// The value of `encoding` in the XML declaration.
    private func declaredEncoding() -> String? {
        guard starts(with: "<?xml", at: 0), let end = offset(after: "?>", from: 0) else { return nil }
        let declaration = String(decoding: bytes[..<end], as: UTF8.self)
        guard let name = declaration.split(separator: "encoding", maxSplits: 1).dropFirst().first else { return nil }
        let value = name.drop { $0 != "'" && $0 != "\"" }
        guard let quote = value.first else { return nil }
        return String(value.dropFirst().prefix { $0 != quote })
    }

    // MARK: Markup

    private mutating func checkMarkup() throws(StorageError) {
        while let open = bytes[position...].firstIndex(of: UInt8(ascii: "<")) {
            position = open + 1
            guard position < bytes.count else { return }
            switch bytes[position] {
            case UInt8(ascii: "!"): try skipDeclaration(at: open)
            case UInt8(ascii: "?"): position = offset(after: "?>", from: position) ?? bytes.count
            case UInt8(ascii: "/"): depth -= 1
            default: try scanStartTag(at: open)
            }
        }
    }

    private mutating func skipDeclaration(at open: Int) throws(StorageError) {
        if starts(with: "<!--", at: open) {
            position = offset(after: "-->", from: open + 4) ?? bytes.count
        } else if starts(with: "<![CDATA[", at: open) {
            position = offset(after: "]]>", from: open + 9) ?? bytes.count
        } else if starts(with: "<!DOCTYPE", at: open) {
            throw malformed("The document has a DOCTYPE: definitions have none, remove it", at: open)
        } else {
            throw malformed("The document isn't well-formed XML: '<!' begins no comment and no CDATA", at: open)
        }
    }

    private mutating func scanStartTag(at open: Int) throws(StorageError) {
        var quote: UInt8?
        var attributes = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "<") {
                throw malformed("The document isn't well-formed XML: a '<' stands inside a start tag", at: position - 1)
            }
            if let open = quote {
                if byte == open { quote = nil }
                continue
            }
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
            case UInt8(ascii: "="): attributes += 1
            case UInt8(ascii: "x") where starts(with: "xmlns", at: position - 1): declarations += 1
            case UInt8(ascii: ">"):
                if bytes[position - 2] != UInt8(ascii: "/") { depth += 1 }
                try count(attributes, at: open)
                return
            default: break
            }
        }
    }

    private mutating func count(_ attributes: Int, at open: Int) throws(StorageError) {
        nodes += 1 + attributes
        if depth > DocumentScan.maximumDepth {
            throw malformed(
                "The document nests elements more than \(DocumentScan.maximumDepth) levels deep: no definition does",
                at: open)
        }
        if attributes > DocumentScan.maximumAttributes {
            throw malformed(
                "The element has \(attributes) attributes: \(DocumentScan.maximumAttributes) are the most that is read",
                at: open)
        }
        if nodes > DocumentScan.maximumNodes || declarations > DocumentScan.maximumDeclarations {
            throw malformed(
                """
                The document has over \(DocumentScan.maximumNodes) elements and attributes, or over \
                \(DocumentScan.maximumDeclarations) namespace declarations: no definition has
                """, at: open)
        }
    }

    private func starts(with text: String, at offset: Int) -> Bool {
        bytes[offset...].starts(with: text.utf8)
    }

    private func offset(after text: String, from start: Int) -> Int? {
        let pattern = Array(text.utf8)
        var candidate = start
        while let found = bytes[candidate...].firstIndex(of: pattern[0]) {
            if bytes[found...].starts(with: pattern) { return found + pattern.count }
            candidate = found + 1
        }
        return nil
    }
}
