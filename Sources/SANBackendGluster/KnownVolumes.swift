import SANModel

/// What the last list says of files that haven't changed since, so that their headers needn't be read again.
///
/// A file is taken for unchanged where its gfid, size, and times of change and modification are the same, to the nanosecond: those come with
/// the listing. Gluster takes the times from the clock of the client that writes (features.utime, since 6).
struct KnownVolumes: Sendable {
    private let volumes: [Volume]
    private let places: [String: Int]

    init(_ volumes: [Volume] = []) {
        self.volumes = volumes
        places = Dictionary(volumes.indices.map { (volumes[$0].name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// A file of the folder as it is now.
    ///
    /// - Returns: nil for one that is new, has changed, or had a problem.
    func volume(named name: String, uri: String, _ status: GlusterStatus) -> Volume? {
        guard status.kind == .file, let place = places[name] else { return nil }
        let known = volumes[place]
        var definition = known.definition
        let times = definition.target.timestamps
        guard definition.type == .network, definition.key == uri, known.file == status.identity,
            known.problems.isEmpty, definition.physical ?? 0 == ByteCount(status.size),
            times?.change != nil, times?.change == status.timestamps.change,
            times?.modification == status.timestamps.modification
        else { return nil }
        definition.allocation = ByteCount(status.allocation)
        definition.target.permissions = status.permissions
        definition.target.timestamps = status.timestamps
        // Only what the header told; the secret is the engine's.
        definition.target.encryption = definition.target.encryption.map { EncryptionDefinition(format: $0.format) }
        return Volume(definition, file: status.identity)
    }
}
