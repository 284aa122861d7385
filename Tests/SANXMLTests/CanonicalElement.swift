/// Where an element is in a document as sanctl prints it, for tests that put something into it.
struct CanonicalElement {
    /// The names of the elements around it, and its own.
    let path: [String]
    private let start: String.Index
    /// The end of its start tag without `>` or `/>`.
    private let startEnd: String.Index
    /// Where its end tag begins; nil for `<x/>`.
    private var end: String.Index?

    /// Every element in document order; the text must be what sanctl prints: no comments, no CDATA.
    static func all(in text: String) -> [CanonicalElement] {
        var elements: [CanonicalElement] = []
        var around: [Int] = []
        var position = text.startIndex
        while let open = text[position...].firstIndex(of: "<"), let close = text[open...].firstIndex(of: ">") {
            position = text.index(after: close)
            let tag = text[text.index(after: open)..<close]
            if tag.hasPrefix("/") {
                elements[around.removeLast()].end = open
                continue
            }
            let isEmpty = tag.hasSuffix("/")
            let name = tag.prefix { $0 != " " && $0 != "/" }
            let path = (around.last.map { elements[$0].path } ?? []) + [String(name)]
            if !isEmpty { around.append(elements.count) }
            elements.append(
                CanonicalElement(path: path, start: open, startEnd: isEmpty ? text.index(before: close) : close))
        }
        return elements
    }

    private init(path: [String], start: String.Index, startEnd: String.Index) {
        self.path = path
        self.start = start
        self.startEnd = startEnd
    }

    func startTag(in text: String) -> Substring { text[start..<startEnd] }

    /// The document with more at the end of the element's content.
    func holding(_ content: String, in text: String) -> String {
        if let end { return text[..<end] + content + text[end...] }
        return text[..<startEnd] + ">" + content + "</" + (path.last ?? "") + text[text.index(after: startEnd)...]
    }

    /// The document with more at the end of the element's start tag.
    func having(_ attributes: String, in text: String) -> String {
        text[..<startEnd] + attributes + text[startEnd...]
    }
}

extension String {
    var withoutSpace: String { filter { !$0.isWhitespace } }

    /// The pieces around every occurrence.
    func components(splitBy separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
