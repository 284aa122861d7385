public import SANEngine
import SANHost
import SANImages
public import SANModel
import Synchronization

extension FileVolumes {
    /// Reads the folder and the header of every file in it.
    ///
    /// - Throws: `not_found` where the folder has gone, `timed_out`, `cancelled`, `permission_denied`.
    public func list(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        let raw = RawFiles(among: context.lastVolumes)
        let listing = try await blocking(context) { () throws(StorageError) in try Listing(of: open(), raw) }
        // Two threads hide each other's waits; more would only fight for the folder's lock.
        async let second = listing.entries.count > Listing.batch ? share(of: listing, context) : .success([])
        let batches = try await share(of: listing, context).get() + second.get()
        var snapshot = listing.snapshot
        snapshot.volumes.reserveCapacity(listing.entries.count)
        for batch in batches.sorted(by: { $0.start < $1.start }) { snapshot.volumes += batch.volumes }
        return snapshot
    }

    private func share(of listing: Listing, _ context: OperationContext) async -> Result<[Listing.Batch], StorageError>
    {
        do throws(StorageError) {
            return .success(try await blocking(context) { () throws(StorageError) in listing.takeBatches() })
        } catch {
            return .failure(error)
        }
    }
}

/// One listing of a folder: its names, which threads take in batches.
private final class Listing: Sendable {
    static let batch = 128

    struct Batch: Sendable {
        var start: Int
        var volumes: [Volume]
    }

    let folder: OpenFile
    let system: FileSystem
    let entries: FolderEntries
    private let raw: RawFiles
    let snapshot: PoolSnapshot
    private let next = Atomic(0)

    init(of folder: OpenFile, _ raw: RawFiles) throws(StorageError) {
        self.folder = folder
        self.raw = raw
        system = try FileSystem(of: folder)
        let status = try folder.status()
        var permissions = status.permissions
        if system.hasLabels { permissions.label = folder.label() }
        snapshot = PoolSnapshot(
            capacity: ByteCount(system.capacity), allocation: ByteCount(system.capacity - system.free),
            available: ByteCount(system.free), permissions: permissions)
        entries = try FolderEntries(of: folder)
        Staging.sweep(folder, entries, on: system)
    }

    /// Takes batches until none is left.
    func takeBatches() -> [Batch] {
        var reader = FileReader(folder: folder, system: system, raw: raw)
        var batches: [Batch] = []
        while true {
            let start = next.add(Listing.batch, ordering: .relaxed).oldValue
            guard start < entries.count else { return batches }
            var volumes: [Volume] = []
            volumes.reserveCapacity(Listing.batch)
            for index in start..<min(start + Listing.batch, entries.count) {
                if let volume = reader.volume(at: index, of: entries) { volumes.append(volume) }
            }
            batches.append(Batch(start: start, volumes: volumes))
        }
    }
}
