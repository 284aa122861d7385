import SANModel

extension SecretDefinition {
    init(element: XMLElement) throws(StorageError) {
        // Kept as an unknown element it would end up in a file that anybody may read.
        if let value = element.child("value") {
            throw value.malformed("A secret's document doesn't hold its value: remove it, and set the value by itself")
        }
        self.init(uuid: try element.uuid())
        isEphemeral = try element.yesOrNo("ephemeral") ?? false
        isPrivate = try element.yesOrNo("private") ?? false
        summary = element.childText("description")
        if let child = element.child("usage") { usage = try Usage(element: child) }
        foreign = element.foreignContent(
            attributes: ["ephemeral", "private"],
            [
                .first("uuid"), .first("description"),
                .first("usage", ["type"], usage.map { [.first($0.kind.elementName)] } ?? []),
            ])
        // Without a usage nothing is printed, unless it has something to hold: then it needs its type.
        if usage == nil, foreign.nested[.init("usage")] != nil {
            foreign.nested[.init("usage")]?.attributes.insert(
                .init(prefix: "", namespace: "", name: "type", value: "none"), at: 0)
        }
    }
}

extension SecretDefinition.Usage {
    /// Nil for `type='none'`, which libvirt prints nothing for.
    fileprivate init?(element: XMLElement) throws(StorageError) {
        if element.attribute("type") == "none" { return nil }
        guard let kind = try element.choice("type", of: Kind.self) else {
            throw element.malformed(
                "<usage> has no type: add type='…', one of " + Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard let name = element.childText(kind.elementName) else {
            throw element.malformed(
                "A secret for '\(kind.rawValue)' needs a name: add <\(kind.elementName)>…</\(kind.elementName)>")
        }
        self.init(kind: kind, name: name)
    }
}
