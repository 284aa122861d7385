import SANModel

extension PoolDefinition {
    func write(to writer: inout XMLWriter) {
        var namespaces: [(prefix: String, namespace: String)] = []
        if !mountOptions.isEmpty { namespaces.append(("fs", OptionNamespace.fileSystem)) }
        if !configOptions.isEmpty { namespaces.append(("rbd", OptionNamespace.rbd)) }
        writer.container("pool", ["type": type.rawValue], namespaces: namespaces, foreign: foreign) { writer in
            writer.leaf("name", name)
            writer.leaf("uuid", uuid?.description)
            writer.size("capacity", capacity)
            writer.size("allocation", allocation)
            writer.size("available", available)
            if let copyOnWrite {
                writer.container("features") { $0.empty("cow", ["state": copyOnWrite.yesOrNo]) }
            }
            source.write(to: &writer)
            target?.write(to: &writer)
            refresh?.write(to: &writer)
            writeOptions(to: &writer)
        }
    }

    private func writeOptions(to writer: inout XMLWriter) {
        if !mountOptions.isEmpty {
            writer.container("fs:mount_opts") { writer in
                for option in mountOptions { writer.empty("fs:option", ["name": option]) }
            }
        }
        if !configOptions.isEmpty {
            writer.container("rbd:config_opts") { writer in
                for option in configOptions {
                    writer.empty("rbd:option", ["name": option.name, "value": option.value])
                }
            }
        }
    }
}

extension PoolDefinition.RefreshOverride {
    fileprivate func write(to writer: inout XMLWriter) {
        writer.container("refresh") { writer in
            if let allocation { writer.empty("volume", ["allocation": allocation.rawValue]) }
        }
    }
}

extension Bool {
    /// As libvirt spells it.
    var yesOrNo: String { self ? "yes" : "no" }
}
