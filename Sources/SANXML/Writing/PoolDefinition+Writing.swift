import SANModel

extension PoolDefinition {
    func write(to writer: inout XMLWriter) {
        var namespaces: [(prefix: String, namespace: String)] = []
        if hasMountOptions { namespaces.append(("fs", OptionNamespace.fileSystem)) }
        if hasConfigOptions { namespaces.append(("rbd", OptionNamespace.rbd)) }
        writer.container("pool", ["type": type.rawValue], namespaces: namespaces, foreign: foreign) { writer in
            writer.leaf("name", name)
            writer.leaf("uuid", uuid?.description)
            writer.size("capacity", capacity)
            writer.size("allocation", allocation)
            writer.size("available", available)
            writer.container("features", isNeeded: copyOnWrite != nil) { writer in
                if let copyOnWrite { writer.empty("cow", ["state": copyOnWrite.yesOrNo]) }
            }
            source.write(to: &writer)
            target?.write(to: &writer)
            refresh?.write(to: &writer)
            writeOptions(to: &writer)
        }
    }

    private func writeOptions(to writer: inout XMLWriter) {
        writer.container("fs:mount_opts", isNeeded: hasMountOptions) { writer in
            for option in mountOptions { writer.empty("fs:option", ["name": option]) }
        }
        writer.container("rbd:config_opts", isNeeded: hasConfigOptions) { writer in
            for option in configOptions {
                writer.empty("rbd:option", ["name": option.name, "value": option.value])
            }
        }
    }

    // With their foreign content: the prefixes must be declared for it.
    private var hasMountOptions: Bool { !mountOptions.isEmpty || foreign.nested[.init("fs:mount_opts")] != nil }
    private var hasConfigOptions: Bool { !configOptions.isEmpty || foreign.nested[.init("rbd:config_opts")] != nil }
}

extension PoolDefinition.RefreshOverride {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.container("refresh") { $0.value("volume", "allocation", allocation?.rawValue) }
    }
}

extension Bool {
    /// As libvirt spells it.
    var yesOrNo: String { self ? "yes" : "no" }
}
