import SANModel

extension XMLElement {
    /// What the element holds beyond the names that are known here.
    ///
    /// - Parameter known: tells a child element that the caller reads from one that it only keeps.
    func foreignContent(
        attributes knownAttributes: Set<String> = [], elements known: (XMLElement) -> Bool
    ) -> ForeignContent {
        var foreign = ForeignContent()
        for element in elements where !known(element) { foreign.elements.append(element.standaloneText) }
        for attribute in attributes
        where !attribute.name.namespace.isEmpty || !knownAttributes.contains(attribute.name.local) {
            foreign.attributes.append(
                .init(
                    prefix: attribute.name.prefix, namespace: attribute.name.namespace, name: attribute.name.local,
                    value: attribute.value))
        }
        return foreign
    }

    /// The same where a plain name says it all.
    func foreignContent(attributes: Set<String> = [], elements names: Set<String>) -> ForeignContent {
        foreignContent(attributes: attributes) { $0.name.namespace.isEmpty && names.contains($0.name.local) }
    }

    /// The element's text with every namespace declaration that it needs from outside.
    private var standaloneText: String {
        var missing: [NamespaceDeclaration] = []
        collectUndeclared(declared: [], into: &missing)
        var copy = self
        copy.declarations += missing
        return copy.verbatim
    }

    private func collectUndeclared(declared: Set<String>, into missing: inout [NamespaceDeclaration]) {
        let declared = declarations.isEmpty ? declared : declared.union(declarations.map(\.prefix))
        for name in [name] + attributes.map(\.name) where !name.namespace.isEmpty && name.prefix != "xml" {
            let needed = NamespaceDeclaration(prefix: name.prefix, namespace: name.namespace)
            if !declared.contains(name.prefix), !missing.contains(needed) { missing.append(needed) }
        }
        for child in elements { child.collectUndeclared(declared: declared, into: &missing) }
    }

    /// The element as it stands: white space is kept, comments are gone.
    private var verbatim: String {
        var text = "<" + name.text
        for declaration in declarations {
            text += declaration.prefix.isEmpty ? " xmlns" : " xmlns:" + declaration.prefix
            text += "='" + declaration.namespace.escapedForXMLAttribute + "'"
        }
        for attribute in attributes {
            text += " " + attribute.name.text + "='" + attribute.value.escapedForXMLAttribute + "'"
        }
        guard !contents.isEmpty else { return text + "/>" }
        text += ">"
        for content in contents {
            switch content {
            case .element(let element): text += element.verbatim
            case .text(let piece): text += piece.escapedForXML
            }
        }
        return text + "</" + name.text + ">"
    }
}
