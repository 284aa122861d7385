public import SANEngine
public import SANModel
import Synchronization

extension GlusterPool {
    /// Reads the folder in one pass, and the header of every file in it that is new or has changed, several at once.
    ///
    /// - Throws: `not_found` where the volume or the folder has gone, `unavailable`, `timed_out`, `cancelled`, `permission_denied`.
    public func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let source = source
        let listing = try await call("the list", context) { volume throws(StorageError) in
            let known = KnownVolumes(context.lastVolumes(), listedAt: context.lastRefresh())
            return try Listing(of: source, on: volume, known: known, context)
        }
        let shares = min(Listing.readers, (listing.entries.count + Listing.batch - 1) / Listing.batch)
        let connection = try await connections.connection(to: source, until: context.deadline)
        let what = "the headers of the files of '\(source.uri)'"
        let results = await withTaskGroup(of: Result<[Listing.Batch], StorageError>.self) { group in
            for _ in 0..<shares {
                group.addTask {
                    do throws(StorageError) {
                        return .success(
                            try await connection.call(what, until: context.deadline) { volume throws(StorageError) in
                                listing.takeBatches(volume, source)
                            })
                    } catch {
                        return .failure(error)
                    }
                }
            }
            var results: [Result<[Listing.Batch], StorageError>] = []
            for await result in group { results.append(result) }
            return results
        }
        var batches: [Listing.Batch] = []
        for result in results { batches += try result.get() }
        var snapshot = listing.snapshot
        snapshot.volumes.reserveCapacity(listing.entries.count)
        for batch in batches.sorted(by: { $0.start < $1.start }) { snapshot.volumes += batch.volumes }
        return snapshot
    }
}

/// One listing of a folder: its names, which threads take in batches.
private final class Listing: Sendable {
    static let batch = 64
    /// Each waits for a brick most of the time.
    static let readers = 8

    struct Batch: Sendable {
        var start: Int
        var volumes: [Volume]
    }

    let entries: [GlusterEntries.Entry]
    let snapshot: PoolSnapshot
    /// Holds what the library keeps of the entries.
    private let list: GlusterEntries
    private let known: KnownVolumes
    private let next = Atomic(0)

    init(
        of source: GlusterSource, on volume: GlusterVolume, known: KnownVolumes, _ context: OperationContext
    ) throws(StorageError) {
        self.known = known
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
        list = try volume.entries(of: source.path)
        entries = list.entries
        Staging.sweep(entries, of: source, on: volume)
    }

    /// Takes batches until none is left.
    func takeBatches(_ volume: GlusterVolume, _ source: GlusterSource) -> [Batch] {
        var reader = GlusterReader(volume: volume, source: source, known: known)
        var batches: [Batch] = []
        while true {
            let start = next.add(Listing.batch, ordering: .relaxed).oldValue
            guard start < entries.count else { return batches }
            let part = entries[start..<min(start + Listing.batch, entries.count)]
            batches.append(Batch(start: start, volumes: part.compactMap { reader.volume(of: $0) }))
        }
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
