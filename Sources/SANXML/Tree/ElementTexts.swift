import SANModel

/// The texts of a program's answer in XML, by the names of the elements that they are in.
package struct ElementTexts: Sendable {
    private let root: XMLElement

    /// - Throws: `malformed_definition`.
    package init(_ document: [UInt8]) throws(StorageError) {
        root = try ParsedDocument(parsing: document).root()
    }

    /// The text of every element that is reached by these names from the root, whose own name doesn't count.
    package func texts(_ path: [String]) -> [String] {
        path.reduce([root]) { elements, name in elements.flatMap { $0.children(name) } }.map(\.text)
    }
}
