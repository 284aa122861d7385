import SANModel

extension EncryptionDefinition {
    private static let known: [KnownElement] = [
        .each("secret", ["type", "uuid", "usage"]),
        .first("cipher", ["name", "size", "mode", "hash"]),
        .first("ivgen", ["name", "hash"]),
    ]

    init(element: XMLElement) throws(StorageError) {
        guard let format = try element.choice("format", of: Format.self) else {
            throw element.malformed(
                "<encryption> has no format: add format='…', one of "
                    + Format.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self.init(format: format)
        engine = try element.choice("engine")
        for secret in element.children("secret") {
            // Documentation up to 8.0 says `volume` for what has always been `passphrase`.
            let type = try secret.attributeValue("type", "passphrase") {
                ["passphrase", "volume"].contains($0) ? $0 : nil
            }
            guard type != nil else { throw secret.malformed("<secret> has no type: add type='passphrase'") }
            secrets.append(try secret.secretReference())
        }
        cipher = try element.child("cipher").map { (child) throws(StorageError) in try Cipher(element: child) }
        initializationVector = try element.child("ivgen").map { (child) throws(StorageError) in
            guard cipher != nil else {
                throw child.malformed("There is <ivgen> but no cipher: add <cipher name='…' size='…'/> or remove it")
            }
            return InitializationVector(
                name: try child.requiredAttribute("name", "such as plain64"), hash: child.attribute("hash"))
        }
        foreign = element.foreignContent(attributes: ["format", "engine"], EncryptionDefinition.known)
    }
}

extension EncryptionDefinition.Cipher {
    fileprivate init(element: XMLElement) throws(StorageError) {
        let name = try element.requiredAttribute("name", "such as aes")
        let size = try element.attributeValue("size", "a number of bits") {
            UInt64(decimal: $0).flatMap(UInt32.init(exactly:))
        }
        guard let size else { throw element.malformed("<cipher> has no size: add size='BITS', such as 256") }
        self.init(name: name, size: size, mode: element.attribute("mode"), hash: element.attribute("hash"))
    }
}
