import SANModel

/// What libxml2's validator has no words for: names that no schema knows, and text between elements.
///
/// It says that some element is missing, often one that is there, or that the parent is wrong (2.9.14).
struct StrayContent {
    private var knownElements: Set<String> = []
    private var knownAttributes: Set<String> = []

    /// - Throws: never in practice: `malformed_definition` for a grammar that isn't well-formed.
    init(grammar: [UInt8]) throws(StorageError) {
        collectNames(of: try ParsedDocument(parsing: grammar).root())
    }

    private mutating func collectNames(of pattern: XMLElement) {
        if let name = pattern.attribute("name")?.split(separator: ":").last {
            switch pattern.name.local {
            case "element": knownElements.insert(String(name))
            case "attribute": knownAttributes.insert(String(name))
            default: break
            }
        }
        for child in pattern.elements { collectNames(of: child) }
    }

    /// Every stray element and text of a document, outside what is in a foreign namespace.
    func violations(in element: XMLElement) -> [SchemaViolation] {
        var violations: [SchemaViolation] = []
        collect(from: element, into: &violations)
        return violations
    }

    private func collect(from element: XMLElement, into violations: inout [SchemaViolation]) {
        let text = element.text.withoutSurroundingSpace
        let children = element.elements.filter { $0.name.namespace.isEmpty }
        if !children.isEmpty, !text.isEmpty {
            violations.append(
                SchemaViolation(
                    location: element.location,
                    message:
                        "<\(element.name.text.printable)> has the text '\(text.printable)' between its elements: remove it"
                ))
        }
        for attribute in element.attributes
        where attribute.name.namespace.isEmpty && !knownAttributes.contains(attribute.name.local) {
            violations.append(
                SchemaViolation(
                    location: element.location,
                    message:
                        "Attribute '\(attribute.name.local.printable)' of <\(element.name.text.printable)> isn't known: remove it"
                ))
        }
        for child in children {
            if knownElements.contains(child.name.local) {
                collect(from: child, into: &violations)
            } else {
                violations.append(
                    SchemaViolation(
                        location: child.location, message: "<\(child.name.local.printable)> isn't known: remove it"))
            }
        }
    }
}
