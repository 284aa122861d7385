import SANModel

extension XMLElement {
    /// What the element holds beyond what is known of it, and beyond what is known of its children in them.
    ///
    /// - Parameter prefixes: the prefixes that the printed element uses, with their namespaces.
    func foreignContent(
        attributes known: Set<String> = [], _ children: [KnownElement], prefixes: [String: String] = [:]
    ) -> ForeignContent {
        var foreign = ForeignContent()
        for attribute in attributes where !attribute.name.namespace.isEmpty || !known.contains(attribute.name.local) {
            foreign.attributes.append(
                .init(
                    prefix: attribute.name.prefix, namespace: attribute.name.namespace, name: attribute.name.local,
                    value: attribute.value))
        }
        foreign.tellPrefixesApart(from: prefixes)
        var positions: [String: Int] = [:]
        for element in elements {
            guard let known = children.first(where: { $0.matches(element) }) else {
                foreign.elements.append(element.standaloneText)
                continue
            }
            let position = positions[known.place, default: 0]
            positions[known.place] = position + 1
            let isRead =
                switch known.occurrence {
                case .apart: false
                case .first, .joined: position == 0
                case .each: true
                }
            guard isRead else { continue }
            let whole = known.occurrence == .joined ? joined(known) ?? element : element
            let content = whole.foreignContent(
                attributes: known.attributes, known.children, prefixes: known.prefixes)
            if !content.isEmpty { foreign.nested[.init(known.place, position)] = content }
        }
        return foreign
    }

    /// The children that a pattern matches as one: the first one, with what stands in the others.
    private func joined(_ known: KnownElement) -> XMLElement? {
        let matching = elements.filter(known.matches)
        guard var result = matching.first else { return nil }
        result.contents = matching.flatMap(\.contents)
        return result
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

extension ForeignContent {
    /// Renames the prefixes of attributes that stand for something else in the printed element.
    fileprivate mutating func tellPrefixesApart(from taken: [String: String]) {
        var meanings = taken
        for index in attributes.indices {
            let attribute = attributes[index]
            var prefix = attribute.prefix
            while meanings[prefix, default: attribute.namespace] != attribute.namespace
                || prefix != attribute.prefix && attributes.contains(where: { $0.prefix == prefix })
            {
                prefix += "_"
            }
            meanings[prefix] = attribute.namespace
            attributes[index].prefix = prefix
        }
    }
}
