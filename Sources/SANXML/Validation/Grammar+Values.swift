internal import CLibXML2

/// Which texts the patterns of a grammar take, as far as that can be told without libxml2's validator.
struct GrammarValues {
    private let grammar: Grammar
    private var expressions: [String: XMLExpression] = [:]
    /// A hostile document has a fault in every element: what is behind these isn't looked at.
    private var remaining = 10_000

    init(_ grammar: Grammar) {
        self.grammar = grammar
    }

    /// Whether none of the patterns takes the text, for certain.
    mutating func refuse(_ text: String, _ patterns: [XMLElement]) -> Bool {
        guard !patterns.isEmpty, text.utf8.count <= 4096, remaining > 0 else { return false }
        remaining -= 1
        for pattern in patterns where content(of: pattern, takes: text) != false { return false }
        return true
    }

    /// What stands in an attribute's or element's pattern, next to attributes; nil where it isn't certain.
    private mutating func content(of pattern: XMLElement, takes text: String) -> Bool? {
        let parts = pattern.elements.filter { !grammar.isOfAttributes($0) }
        if parts.isEmpty { return pattern.name.local == "attribute" ? true : nil }
        return parts.count == 1 ? self.pattern(parts[0], takes: text) : nil
    }

    private mutating func pattern(_ pattern: XMLElement, takes text: String) -> Bool? {
        switch pattern.name.local {
        case "value": return text.withoutSurroundingSpace == pattern.text.withoutSurroundingSpace
        case "data": return data(pattern, takes: text)
        case "text": return true
        case "choice":
            var isCertain = true
            for branch in pattern.elements {
                switch self.pattern(branch, takes: text) {
                case true?: return true
                case nil: isCertain = false
                case false?: break
                }
            }
            return isCertain ? false : nil
        case "ref":
            return grammar.definition(of: pattern).flatMap { content(of: $0, takes: text) }
        default: return nil
        }
    }

    private mutating func data(_ data: XMLElement, takes text: String) -> Bool? {
        let token = text.withoutSurroundingSpace
        let parameters = Array(data.elements)
        switch data.attribute("type") {
        case "string":
            guard parameters.count == 1, parameters[0].attribute("name") == "pattern" else { return nil }
            return expression(parameters[0].text)?.matches(text)
        case "unsignedByte": return isNumber(token, in: 0...Int128(UInt8.max), parameters)
        case "unsignedInt": return isNumber(token, in: 0...Int128(UInt32.max), parameters)
        case "unsignedLong": return isNumber(token, in: 0...Int128(UInt64.max), parameters)
        case "int": return isNumber(token, in: Int128(Int32.min)...Int128(Int32.max), parameters)
        default: return nil
        }
    }

    private func isNumber(_ token: String, in range: ClosedRange<Int128>, _ parameters: [XMLElement]) -> Bool? {
        guard let number = Int128(token), range.contains(number) else { return false }
        for parameter in parameters {
            guard let limit = Int128(parameter.text.withoutSurroundingSpace) else { return nil }
            switch parameter.attribute("name") {
            case "minInclusive": if number < limit { return false }
            case "maxInclusive": if number > limit { return false }
            default: return nil
            }
        }
        return true
    }

    private mutating func expression(_ source: String) -> XMLExpression? {
        if let known = expressions[source] { return known }
        let new = XMLExpression(source)
        expressions[source] = new
        return new
    }
}

/// A regular expression of XML Schema.
@safe private final class XMLExpression {
    private let compiled: xmlRegexpPtr

    init?(_ source: String) {
        _ = libxml2IsReady
        guard let compiled = unsafe xmlRegexpCompile(source) else { return nil }
        unsafe self.compiled = compiled
    }

    deinit {
        unsafe xmlRegFreeRegexp(compiled)
    }

    /// Nil where libxml2 has no memory, or gives up.
    func matches(_ text: String) -> Bool? {
        switch unsafe xmlRegexpExec(compiled, text) {
        case 1: true
        case 0: false
        default: nil
        }
    }
}
