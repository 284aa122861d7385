public import SANEngine
import SANImages
public import SANModel
import Synchronization

extension GlusterPool {
    /// Reads the folder in one pass, and the header of every file in it that is new or has changed, several at once.
    ///
    /// A header is read soon after its folder entry: for a second at most, what the listing said of a file is with the client (performance.md-cache), and
    /// saves a second question to the brick (libgfapi looks a file up before it first reads it: `inode_needs_lookup`, glusterfs 10.3).
    ///
    /// - Throws: `not_found` where the volume or the folder has gone, `unavailable`, `timed_out`, `cancelled`, `permission_denied`.
    public func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let source = source
        let listing = try await call("the list", context) { volume throws(StorageError) in
            try Listing(of: source, on: volume, context)
        }
        let connection = try await connections.connection(to: source, until: context.deadline)
        let what = "the files of '\(source.uri)'"
        var snapshot = listing.snapshot
        snapshot.volumes = try await PartReaders(count: Listing.readers, stop: { listing.stop() }).read {
            () async throws(StorageError) in
            try await connection.call(what, until: context.deadline) { volume throws(StorageError) in
                try listing.takeVolumes(volume, source)
            }
        }
        snapshot.volumes.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return snapshot
    }
}

/// One listing of a folder, whose entries threads take as they come.
private final class Listing: Sendable {
    /// Each waits for a brick most of the time.
    static let readers = 8
    /// What a thread takes at once.
    private static let batch = 32

    let snapshot: PoolSnapshot
    private let folder: GlusterFolder
    private let known: KnownVolumes
    private let raw: RawFiles
    private let isStopped = Atomic(false)

    init(of source: GlusterSource, on volume: GlusterVolume, _ context: OperationContext) throws(StorageError) {
        let last = context.lastVolumes()
        known = KnownVolumes(last, listedAt: context.lastRefresh())
        raw = RawFiles { last }
        do throws(StorageError) {
            guard try volume.status(of: source.path, following: true).kind == .folder else {
                throw StorageError(
                    .invalidState, "'\(source.uri)' isn't a folder", subject: .path(source.uri.printable))
            }
        } catch  where error.code == .notFound {
            throw StorageError(
                .notFound, "There is no folder '\(source.path.printable)' on the Gluster volume '\(source.volume)'",
                subject: .path(source.uri.printable))
        }
        let space = try volume.space(at: source.path)
        snapshot = PoolSnapshot(
            capacity: ByteCount(space.capacity), allocation: ByteCount(space.capacity - space.free),
            available: ByteCount(space.free),
            problems: try source.problems(context) { () throws(StorageError) in try volume.missingBricks() })
        folder = try volume.openFolder(source.path)
    }

    /// Has the threads end with the file that each is at.
    func stop() { isStopped.store(true, ordering: .relaxed) }

    /// Takes entries until none is left; removes what killed processes have left.
    func takeVolumes(_ volume: GlusterVolume, _ source: GlusterSource) throws(StorageError) -> [Volume] {
        var reader = GlusterReader(volume: volume, source: source, known: known, raw: raw)
        var volumes: [Volume] = []
        while !isStopped.load(ordering: .relaxed), let part = try folder.take(Listing.batch) {
            // The entries' objects are the part's.
            defer { withExtendedLifetime(part) {} }
            for entry in part.entries {
                if isStopped.load(ordering: .relaxed) { break }
                if let name = String(validating: entry.name, as: UTF8.self), StagingName.isOne(name) {
                    Staging.sweep(name, of: source, on: volume)
                } else if let volume = reader.volume(of: entry) {
                    volumes.append(volume)
                }
            }
        }
        return volumes
    }
}

extension GlusterSource {
    /// A volume goes on without some of its bricks; the administrator is to know before the last one goes.
    ///
    /// - Parameter missingBricks: where it can't be told which bricks are missing, the list of the files is as good.
    /// - Throws: `timed_out`, `cancelled`.
    func problems(
        _ context: OperationContext, _ missingBricks: () throws(StorageError) -> [BrickList.Missing]
    ) throws(StorageError) -> [Problem] {
        let missing: [BrickList.Missing]
        do throws(StorageError) {
            missing = try missingBricks()
        } catch {
            guard error.code != .timedOut, error.code != .cancelled else { throw error }
            context.logger.info("The bricks of '\(uri)' can't be counted: \(error.message), ignoring")
            return []
        }
        guard !missing.isEmpty else { return [] }
        let list = missing.map(\.description).joined(separator: ", ")
        return [
            Problem(
                code: .unavailable,
                message:
                    "Bricks of the Gluster volume '\(volume)' don't answer: \(list); see 'gluster volume status \(volume)'",
                subject: .path(uri.printable))
        ]
    }
}
