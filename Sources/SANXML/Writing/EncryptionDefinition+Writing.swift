import SANModel

extension EncryptionDefinition {
    func write(to writer: inout XMLWriter) {
        writer.container(
            "encryption", ["format": format.rawValue, "engine": engine?.rawValue], foreign: foreign
        ) { writer in
            for secret in secrets { secret.write(to: &writer, type: "passphrase") }
            if let cipher {
                writer.empty(
                    "cipher",
                    ["name": cipher.name, "size": String(cipher.size), "mode": cipher.mode, "hash": cipher.hash])
            }
            if let vector = initializationVector { writer.empty("ivgen", ["name": vector.name, "hash": vector.hash]) }
        }
    }
}
