/// What a grammar allows in one element, as far as it can be told for certain.
struct GrammarElement {
    /// The patterns of its child elements by local name.
    var children: [String: [XMLElement]] = [:]
    /// The children that may be there more than once.
    var repeating: Set<String> = []
    var requiredChildren: [String] = []
    /// By local name the values that an attribute may have; nil where it is more than a choice of values.
    var attributes: [String: [String]?] = [:]
    var requiredAttributes: [String] = []
    /// By local name the patterns of an attribute.
    var attributePatterns: [String: [XMLElement]] = [:]
}

/// A RELAX NG grammar in XML syntax, as our schemas are written.
struct Grammar {
    private let definitions: [String: XMLElement]
    /// Every name of an element.
    private(set) var elementNames: Set<String> = []
    private let start: XMLElement?

    init(_ root: XMLElement) {
        definitions = Dictionary(
            root.children("define", in: root.name.namespace).compactMap { definition in
                definition.attribute("name").map { ($0, definition) }
            }, uniquingKeysWith: { first, _ in first })
        start = root.children("start", in: root.name.namespace).first
        collectNames(of: root)
    }

    private mutating func collectNames(of pattern: XMLElement) {
        if pattern.name.local == "element", let name = pattern.localName { elementNames.insert(name) }
        for child in pattern.elements { collectNames(of: child) }
    }

    /// The patterns of a root element.
    func patterns(forRoot name: String) -> [XMLElement] {
        start.flatMap { expansion(of: $0, type: nil).children[name] } ?? []
    }

    /// What a pattern allows in an element whose `type` is this.
    func expansion(of pattern: XMLElement, type: String?) -> GrammarElement {
        var result = GrammarElement()
        for child in pattern.elements { add(child, to: &result, type: type, isRequired: true, repeats: false) }
        return result
    }

    private func add(
        _ pattern: XMLElement, to result: inout GrammarElement, type: String?, isRequired: Bool, repeats: Bool
    ) {
        switch pattern.name.local {
        case "element":
            guard let name = pattern.localName else { return }
            if repeats || result.children[name] != nil { result.repeating.insert(name) }
            if isRequired, !result.requiredChildren.contains(name) { result.requiredChildren.append(name) }
            result.children[name, default: []].append(pattern)
        case "attribute":
            guard let name = pattern.localName else { return }
            let values = self.values(of: pattern)
            result.attributePatterns[name, default: []].append(pattern)
            if isRequired { result.requiredAttributes.append(name) }
            if let known = result.attributes[name] {
                result.attributes[name] = .some(
                    known.flatMap { known in values.map { known + $0.filter { !known.contains($0) } } })
            } else {
                result.attributes[name] = .some(values)
            }
        case "ref":
            guard let definition = pattern.attribute("name").flatMap({ definitions[$0] }) else { return }
            for child in definition.elements {
                add(child, to: &result, type: type, isRequired: isRequired, repeats: repeats)
            }
        case "choice":
            let possible = pattern.elements.filter { isPossible($0, type: type) }
            for branch in possible.isEmpty ? Array(pattern.elements) : possible {
                add(branch, to: &result, type: type, isRequired: isRequired && possible.count == 1, repeats: repeats)
            }
        case "optional", "zeroOrMore", "oneOrMore", "group", "interleave", "mixed":
            let local = pattern.name.local
            for child in pattern.elements {
                add(
                    child, to: &result, type: type,
                    isRequired: isRequired && local != "optional" && local != "zeroOrMore",
                    repeats: repeats || local.hasSuffix("OrMore"))
            }
        default: break
        }
    }

    func definition(of reference: XMLElement) -> XMLElement? {
        reference.attribute("name").flatMap { definitions[$0] }
    }

    /// Whether a pattern is of attributes only.
    func isOfAttributes(_ pattern: XMLElement) -> Bool {
        switch pattern.name.local {
        case "attribute": true
        case "optional", "zeroOrMore", "oneOrMore", "group", "interleave", "choice":
            pattern.elements.allSatisfy { isOfAttributes($0) }
        case "ref":
            definition(of: pattern).map { definition in
                !definition.contents.isEmpty && definition.elements.allSatisfy { isOfAttributes($0) }
            } ?? false
        default: false
        }
    }

    /// The patterns of an element that allow its `type`; all of them where none does.
    func patterns(_ patterns: [XMLElement], for element: XMLElement) -> [XMLElement] {
        guard let type = element.attribute("type"), patterns.count > 1 else { return patterns }
        let possible = patterns.filter { $0.elements.allSatisfy { isPossible($0, type: type) } }
        return possible.isEmpty ? patterns : possible
    }

    /// Whether a branch of a choice allows the element's `type`.
    private func isPossible(_ branch: XMLElement, type: String?) -> Bool {
        guard let type else { return true }
        switch branch.name.local {
        case "attribute":
            guard branch.localName == "type", let values = values(of: branch) else { return true }
            return values.contains(type)
        case "ref":
            let definition = branch.attribute("name").flatMap { definitions[$0] }
            return definition?.elements.allSatisfy { isPossible($0, type: type) } ?? true
        case "group", "interleave": return branch.elements.allSatisfy { isPossible($0, type: type) }
        default: return true
        }
    }

    /// The values of a pattern that is a choice of values.
    private func values(of pattern: XMLElement) -> [String]? {
        var all: [String] = []
        for child in pattern.elements {
            switch child.name.local {
            case "value": all.append(child.text)
            case "choice":
                guard let values = values(of: child) else { return nil }
                all += values
            case "ref":
                guard let definition = child.attribute("name").flatMap({ definitions[$0] }),
                    let values = values(of: definition)
                else { return nil }
                all += values
            default: return nil
            }
        }
        return all.isEmpty ? nil : all
    }
}

extension XMLElement {
    /// The name that a pattern is for, without its prefix; nil for patterns of many names.
    var localName: String? { attribute("name")?.split(separator: ":").last.map(String.init) }
}
