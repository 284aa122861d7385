import SANModel

extension SecretDefinition {
    func write(to writer: inout XMLWriter) {
        writer.container(
            "secret", ["ephemeral": isEphemeral.yesOrNo, "private": isPrivate.yesOrNo], foreign: foreign
        ) { writer in
            writer.leaf("uuid", uuid?.description)
            writer.leaf("description", summary)
            writer.container("usage", ["type": usage?.kind.rawValue], isNeeded: usage != nil) { writer in
                if let usage { writer.leaf(usage.kind.elementName, usage.name) }
            }
        }
    }
}
