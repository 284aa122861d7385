import SANModel

/// An element of a document that has been read, with where it stands.
///
/// No deeper than ``DocumentScan/maximumDepth``, so that walking and freeing it by recursion is safe.
struct XMLElement: Sendable {
    var name: QualifiedName
    var attributes: [Attribute]
    /// The namespaces that its start tag declares.
    var declarations: [NamespaceDeclaration]
    var contents: [Content]
    /// Where its start tag begins.
    var location: SourceLocation

    /// A name with its namespace; both prefix and namespace are empty for a plain name.
    struct QualifiedName: Sendable, Hashable {
        var prefix: String
        var namespace: String
        var local: String

        /// As it is written: `prefix:local`.
        var text: String { prefix.isEmpty ? local : prefix + ":" + local }
    }

    struct Attribute: Sendable, Hashable {
        var name: QualifiedName
        var value: String
    }

    struct NamespaceDeclaration: Sendable, Hashable {
        /// Empty for the default namespace.
        var prefix: String
        var namespace: String
    }

    enum Content: Sendable {
        case element(XMLElement)
        case text(String)
    }
}

extension XMLElement {
    /// The child elements, in order.
    var elements: some Sequence<XMLElement> {
        contents.lazy.compactMap { content in
            if case .element(let element) = content { element } else { nil }
        }
    }

    /// The text directly inside it, pieces around child elements and comments joined.
    var text: String {
        contents.reduce(into: "") { text, content in
            if case .text(let piece) = content { text += piece }
        }
    }

    /// Whether this is the plain name, in no namespace.
    func isNamed(_ plainName: String) -> Bool {
        name.namespace.isEmpty && name.local == plainName
    }

    /// The first child of a plain name; libvirt ignores the others.
    func child(_ plainName: String) -> XMLElement? {
        elements.first { $0.isNamed(plainName) }
    }

    func children(_ plainName: String) -> [XMLElement] {
        elements.filter { $0.isNamed(plainName) }
    }

    /// The children of a name in a namespace, whatever their prefix.
    func children(_ local: String, in namespace: String) -> [XMLElement] {
        elements.filter { $0.name.namespace == namespace && $0.name.local == local }
    }

    /// The value of an attribute without a namespace; an empty one counts as missing, as it does for libvirt.
    func attribute(_ plainName: String) -> String? {
        attributes.first { $0.name.namespace.isEmpty && $0.name.local == plainName }
            .flatMap { $0.value.isEmpty ? nil : $0.value }
    }

    /// An error about this element.
    func malformed(_ message: String) -> StorageError {
        StorageError(.malformedDefinition, message, location: location)
    }
}
