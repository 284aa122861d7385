import SANModel

// Values in text and attributes: what is given and makes no sense is refused, what is missing or empty is nil.
extension XMLElement {
    /// The text, or nil where there is none.
    var textIfAny: String? {
        let text = text
        return text.isEmpty ? nil : text
    }

    /// The text of the first child of a name, as it stands; nil where the child is missing or empty.
    func childText(_ plainName: String) -> String? {
        child(plainName)?.textIfAny
    }

    /// The text of the first child of a name without the white space around it.
    private func childToken(_ plainName: String) -> (child: XMLElement, token: String)? {
        guard let child = child(plainName) else { return nil }
        let token = child.text.withoutSurroundingSpace
        return token.isEmpty ? nil : (child, token)
    }

    /// A child's text as a value of some kind.
    func childValue<Value>(
        _ plainName: String, _ expected: String, _ parse: (String) -> Value?
    ) throws(StorageError) -> Value? {
        guard let (child, token) = childToken(plainName) else { return nil }
        guard let value = parse(token) else {
            throw child.malformed("<\(plainName)> holds '\(token.printable)': \(expected) is needed")
        }
        return value
    }

    /// An attribute as a value of some kind.
    func attributeValue<Value>(
        _ plainName: String, _ expected: String, _ parse: (String) -> Value?
    ) throws(StorageError) -> Value? {
        guard let text = attribute(plainName) else { return nil }
        guard let value = parse(text.withoutSurroundingSpace) else {
            throw malformed(
                "Attribute '\(plainName)' of <\(name.text.printable)> is '\(text.printable)': \(expected) is needed")
        }
        return value
    }

    /// An attribute that must be there.
    func requiredAttribute(_ plainName: String, _ purpose: String) throws(StorageError) -> String {
        guard let value = attribute(plainName) else {
            throw malformed("<\(name.text.printable)> has no \(plainName): add \(plainName)='…', \(purpose)")
        }
        return value
    }

    /// `yes` or `no`.
    func yesOrNo(_ plainName: String) throws(StorageError) -> Bool? {
        try attributeValue(plainName, "yes or no") { text in
            switch text {
            case "yes": true
            case "no": false
            default: nil
            }
        }
    }

    /// One of the spellings of an enumeration.
    func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ plainName: String, of _: Value.Type = Value.self
    ) throws(StorageError) -> Value? {
        try attributeValue(plainName, "one of " + Value.allCases.map(\.rawValue).joined(separator: ", ")) { text in
            Value(rawValue: text)
        }
    }

    /// A child that holds a size: a count, and its unit in the attribute.
    func size(_ plainName: String) throws(StorageError) -> ByteCount? {
        guard let (child, token) = childToken(plainName) else { return nil }
        do {
            return try ByteCount(count: token, unit: child.attribute("unit") ?? "")
        } catch {
            throw child.malformed("<\(plainName)>: \(error.message)")
        }
    }

    /// `<uuid>`.
    func uuid() throws(StorageError) -> StorageUUID? {
        try childValue("uuid", "a UUID, 32 hex digits with or without dashes,") { StorageUUID($0) }
    }

    /// Which secret: `uuid` or `usage`, exactly one of them.
    func secretReference() throws(StorageError) -> SecretReference {
        let uuid = try attributeValue("uuid", "a UUID, 32 hex digits with or without dashes,") { StorageUUID($0) }
        switch (uuid, attribute("usage")) {
        case (let uuid?, nil): return .uuid(uuid)
        case (nil, let usage?): return .usage(usage)
        case (nil, nil): throw malformed("<secret> doesn't say which secret: add uuid='…' or usage='…'")
        case (_?, _?): throw malformed("<secret> has both uuid and usage: leave one of them")
        }
    }
}

extension String {
    /// Without the white space of XML at either end.
    var withoutSurroundingSpace: String {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool {
            scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r"
        }
        var rest = unicodeScalars[...]
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return String(rest.drop(while: isSpace))
    }
}
