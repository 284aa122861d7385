import SANEngine
import SANModel

/// What the last list says of files that haven't changed since, so that their headers needn't be read again.
///
/// A file is taken for unchanged where its gfid, size, and times of change and modification are the same, to the nanosecond: those come with
/// the listing. Gluster takes the times from the clock of the client that writes, and keeps the later one of its and what the file has
/// (features.utime, since 6; `posix_set_mdata_xattr`): a client whose clock is behind the last writer's changes neither. So a file counts as new
/// until its times are older than the last list by more than clients' clocks may differ.
struct KnownVolumes: Sendable {
    /// In seconds; more than NTP leaves.
    private static let clockDifference: Int64 = 2

    private let volumes: [Volume]
    private let places: [String: Int]
    /// Times from here on may hide a later change; nil hides everything.
    private let limit: Timestamp?

    /// - Parameters:
    ///   - listedAt: when the list was begun, at the latest; nil where that isn't known: nothing is taken from it then.
    ///   - now: by the same clock.
    init(_ volumes: [Volume] = [], listedAt: Timestamp? = nil, now: Timestamp = .now) {
        self.volumes = volumes
        limit = listedAt.map { listedAt in
            // A clock that was set back since makes the list one of the future.
            let limit = Timestamp(
                seconds: max(listedAt.seconds, 0) - KnownVolumes.clockDifference, nanoseconds: listedAt.nanoseconds)
            return min(limit, now)
        }
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
            times?.modification == status.timestamps.modification,
            let limit, [times?.change, times?.modification].allSatisfy({ $0.map { $0 < limit } ?? true })
        else { return nil }
        definition.allocation = ByteCount(status.allocation)
        definition.target.permissions = status.permissions
        definition.target.timestamps = status.timestamps
        // Only what the header told; the secret is the engine's.
        definition.target.encryption = definition.target.encryption.map { EncryptionDefinition(format: $0.format) }
        return Volume(definition, file: status.identity)
    }
}
