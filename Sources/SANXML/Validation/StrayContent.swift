import SANModel

/// What libxml2's validator has no words for: what can't be in an element, what it lacks, text between elements.
///
/// It says that some element is missing, often one that is there, or that the parent is wrong (2.9.14). Here it is told
/// from the grammar, where that is certain; conditions across several elements or attributes are left to libxml2.
struct StrayContent {
    private let grammar: Grammar
    private var values: GrammarValues
    private var found: [SchemaViolation] = []

    /// - Throws: never in practice: `malformed_definition` for a grammar that isn't well-formed.
    init(grammar: [UInt8]) throws(StorageError) {
        self.grammar = Grammar(try ParsedDocument(parsing: grammar).root())
        values = GrammarValues(self.grammar)
    }

    /// The violations of a document, outside what is in a foreign namespace; the first ones if there are many.
    func violations(in root: XMLElement) -> [SchemaViolation] {
        var walk = self
        walk.check(root, against: grammar.patterns(forRoot: root.name.local))
        return walk.found
    }

    private mutating func report(_ message: String, at element: XMLElement) {
        found.append(SchemaViolation(location: element.location, message: message))
    }

    private mutating func check(_ element: XMLElement, against patterns: [XMLElement]) {
        guard found.count < Schema.maximumCount else { return }
        let type = element.attribute("type")
        let patterns = grammar.patterns(patterns, for: element)
        let allowed = patterns.map { grammar.expansion(of: $0, type: type) }
        let children = element.elements.filter { $0.name.namespace.isEmpty }
        checkText(of: element, hasChildren: !children.isEmpty, patterns)
        checkAttributes(of: element, allowed: allowed)
        checkCounts(of: children, in: element, allowed: allowed)
        for child in children {
            let patterns = allowed.flatMap { $0.children[child.name.local] ?? [] }
            let name = child.name.local.printable
            if !patterns.isEmpty {
                check(child, against: patterns)
            } else if grammar.elementNames.contains(child.name.local) {
                report("<\(name)> can't be in \(describe(element)): remove it", at: child)
            } else {
                report("<\(name)> isn't known: remove it", at: child)
            }
        }
    }

    private mutating func checkText(of element: XMLElement, hasChildren: Bool, _ patterns: [XMLElement]) {
        let text = element.text.withoutSurroundingSpace
        guard hasChildren else {
            // The reader has better words for what is a number, a name or a UUID, and says them at the same place.
            guard values.refuse(element.text, patterns) else { return }
            let isShown = XMLElement.shownElements.contains(element.name.text)
            report("\(describe(element)) can't hold \(isShown ? "'\(text.shortened)'" : "this text")", at: element)
            return
        }
        guard !text.isEmpty else { return }
        // Which text isn't said: it might be a password.
        report("\(describe(element)) has text between its elements: remove it", at: element)
    }

    private mutating func checkAttributes(of element: XMLElement, allowed: [GrammarElement]) {
        for attribute in element.attributes where attribute.name.namespace.isEmpty {
            let name = attribute.name.local
            let values = allowed.compactMap { $0.attributes[name] }
            if values.isEmpty {
                report("Attribute '\(name.printable)' of \(describe(element)) isn't known: remove it", at: element)
            } else if let known = StrayContent.union(of: values),
                !known.contains(attribute.value.withoutSurroundingSpace)
            {
                report(
                    "Attribute '\(name.printable)' of \(describe(element)) is '\(attribute.value.printable)': "
                        + "\(known.joined(separator: ", ")) \(known.count == 1 ? "is" : "are") allowed", at: element)
            } else if self.values.refuse(attribute.value, allowed.flatMap { $0.attributePatterns[name] ?? [] }) {
                let isShown = XMLElement.shownAttributes.contains(name)
                report(
                    "Attribute '\(name)' of \(describe(element)) can't be "
                        + (isShown ? "'\(attribute.value.shortened)'" : "what it is"), at: element)
            }
        }
        guard let only = allowed.first, allowed.count == 1 else { return }
        for name in only.requiredAttributes
        where !element.attributes.contains(where: { $0.name.namespace.isEmpty && $0.name.local == name }) {
            report("\(describe(element)) has no \(name): add \(name)='…'", at: element)
        }
    }

    /// All of the values; nil where one of the lists isn't known.
    private static func union(of lists: [[String]?]) -> [String]? {
        var all: [String] = []
        for list in lists {
            guard let list else { return nil }
            all += list.filter { !all.contains($0) }
        }
        return all
    }

    private mutating func checkCounts(of children: [XMLElement], in element: XMLElement, allowed: [GrammarElement]) {
        guard let only = allowed.first, allowed.count == 1 else { return }
        var counts: [String: (count: Int, last: XMLElement)] = [:]
        for child in children { counts[child.name.local] = ((counts[child.name.local]?.count ?? 0) + 1, child) }
        for (name, (count, last)) in counts
        where count > 1 && only.children[name] != nil && !only.repeating.contains(name) {
            report("<\(name)> is there \(count) times in \(describe(element)): leave one", at: last)
        }
        for name in only.requiredChildren where counts[name] == nil {
            report("\(describe(element)) has no <\(name)>: add one", at: element)
        }
    }

    private func describe(_ element: XMLElement) -> String {
        let name = "<\(element.name.text.printable)>"
        guard element.isNamed(PoolDefinition.rootElement), let type = element.attribute("type") else { return name }
        return "\(name) of type '\(type.printable)'"
    }
}
