import SANModel

extension CreationPlan {
    /// Whether the origin's file as it is makes the wanted volume.
    package func copies(_ origin: ImageHeader) -> Bool {
        switch kind {
        case .folder: return false
        case .raw: return origin.spansFile
        case .image("luks", _), .copy: return origin.format == format
        case .image(let wanted, _):
            guard wanted == origin.format.rawValue, (definition.target.encryption != nil) == (origin.encryption != nil)
            else { return false }
            let target = definition.target
            return (target.compat ?? origin.compat) == origin.compat
                && (target.clusterSize ?? origin.clusterSize) == origin.clusterSize
                && (target.features ?? origin.features) == origin.features
        }
    }

    /// Refuses to list a copy with a secret that isn't known to be that of its origin, whose header was read just now.
    package func requireSecret(of origin: Volume, _ header: ImageHeader) throws(StorageError) {
        guard header.encryption != nil, let secret else { return }
        guard origin.definition.target.encryption?.secrets == [secret] else {
            throw CreationPlan.keepsItsSecret(origin)
        }
    }

    /// Refuses what no program here can turn data into.
    package func requireConversion() throws(StorageError) {
        if case .copy = kind {
            throw StorageError(
                .unsupported, "A \(format) volume can only be copied from another one", subject: .volume(name.text))
        }
        guard definition.target.encryption == nil || secret != nil else {
            throw StorageError(
                .invalidArgument, "<encryption> needs one <secret> to encrypt with", subject: .volume(name.text))
        }
    }

    /// Whether the document only repeats what the origin stands on, as a clone's does.
    package func backingIsInherited(from origin: Volume) -> Bool {
        definition.backingStore?.path == origin.definition.backingStore?.path
    }
}
