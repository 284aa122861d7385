internal import CLibXML2
import SANModel

extension ParsedDocument {
    /// The document as a value of our own.
    func root() throws(StorageError) -> XMLElement {
        try unsafe withTree { (tree) throws(StorageError) in
            guard let root = unsafe xmlDocGetRootElement(tree) else {
                throw StorageError(
                    .malformedDefinition, "The document is empty", location: SourceLocation(line: 1, column: 1))
            }
            var positions = ElementPositions(bytes)
            return unsafe element(root, &positions)
        }
    }

    private func element(_ node: xmlNodePtr, _ positions: inout ElementPositions) -> XMLElement {
        let location = unsafe positions.location(of: node)
        var result = XMLElement(
            name: unsafe qualifiedName(node.pointee.name, node.pointee.ns), attributes: [], declarations: [],
            contents: [], location: location)
        var declaration = unsafe node.pointee.nsDef
        while let current = unsafe declaration?.pointee {
            unsafe result.declarations.append(
                .init(prefix: string(current.prefix), namespace: string(current.href)))
            unsafe declaration = current.next
        }
        var attribute = unsafe node.pointee.properties
        while let current = unsafe attribute?.pointee {
            unsafe result.attributes.append(
                .init(name: qualifiedName(current.name, current.ns), value: text(ofSiblingsFrom: current.children)))
            unsafe attribute = current.next
        }
        var child = unsafe node.pointee.children
        while let current = unsafe child {
            switch unsafe current.pointee.type {
            case XML_ELEMENT_NODE: result.contents.append(.element(unsafe element(current, &positions)))
            case XML_TEXT_NODE, XML_CDATA_SECTION_NODE:
                result.contents.append(.text(unsafe string(current.pointee.content)))
            default: break
            }
            unsafe child = current.pointee.next
        }
        return result
    }

    private func qualifiedName(
        _ name: UnsafePointer<xmlChar>?, _ namespace: UnsafeMutablePointer<xmlNs>?
    ) -> XMLElement.QualifiedName {
        unsafe XMLElement.QualifiedName(
            prefix: string(namespace?.pointee.prefix), namespace: string(namespace?.pointee.href), local: string(name))
    }

    private func text(ofSiblingsFrom first: xmlNodePtr?) -> String {
        var text = ""
        var node = unsafe first
        while let current = unsafe node?.pointee {
            unsafe text += string(current.content)
            unsafe node = current.next
        }
        return text
    }

    private func string(_ characters: UnsafePointer<xmlChar>?) -> String {
        unsafe characters.map { unsafe String(cString: $0) } ?? ""
    }
}

/// Where elements begin.
struct ElementPositions {
    private let bytes: [UInt8]
    private var cursor: LocationCursor

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        cursor = LocationCursor(bytes)
    }

    /// Where an element's start tag begins; for an attribute or a text, that of its element.
    mutating func location(of node: xmlNodePtr) -> SourceLocation {
        var element = unsafe node
        while unsafe element.pointee.type != XML_ELEMENT_NODE, let parent = unsafe element.pointee.parent {
            unsafe element = unsafe parent
        }
        // libxml2 reports an element at the end of its start tag, and no tag holds a '<' but its first character.
        let end = min(unsafe Int(bitPattern: element.pointee._private), bytes.count)
        let start = bytes[..<end].lastIndex(of: UInt8(ascii: "<")) ?? 0
        return cursor.location(at: start)
    }
}
