public import SANEngine
public import SANModel

extension RBDPool: VolumeTrash {
    public func trash(in context: OperationContext) async throws(StorageError) -> [TrashedVolume] {
        let deadline = context.deadline
        return try await withConnection(in: context, waitingFor: "the trash of '\(source.place)'") {
            connection throws(StorageError) in
            let entries = try connection.trash()
            let scan = ImageScan(connection: connection, deadline: deadline, wantsUsage: false)
            // Their headers are where they were.
            let findings = try scan.headers(of: entries.map { ListedImage(name: $0.name, id: $0.id) })
            return zip(entries, findings).map { entry, finding in
                var entry = entry
                guard case .success(let header) = finding.header else { return entry }
                entry.capacity = ByteCount(header.size)
                entry.snapshots = header.snapshots
                return entry
            }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        }
    }

    /// Clones go on standing on it, and its snapshots stay with it.
    ///
    /// A group could never let go of it again: it looks for its images by their names (librbd 16.2).
    ///
    /// - Throws: `busy` with who has it open, or with its group; `invalid_state` for one that is migrated or mirrored.
    public func moveToTrash(
        _ volume: Volume, keeping time: Duration, in context: OperationContext
    ) async throws(StorageError) -> TrashedVolume {
        let seconds = UInt64(clamping: time.components.seconds)
        let name = volume.name
        return try await withConnection(in: context, waitingFor: "the image '\(name.printable)'") {
            connection throws(StorageError) in
            let (size, snapshots) = try {
                () throws(StorageError) in
                let image = try OpenImage(volume, readOnly: true, connection)
                try image.refuseGoing()
                try image.refuseUsed()
                try image.refuseGrouped()
                return (try image.sizeAndOrder().size, try image.snapshots().count)
            }()
            try connection.moveToTrash(volume, keeping: seconds)
            guard var moved = try connection.trash().first(where: { $0.id == volume.image?.id }) else {
                throw StorageError(
                    .invalidState,
                    "Another image was called '\(name.printable)' by now, and was moved to the trash: restore it, and refresh the pool",
                    subject: .volume(name.printable))
            }
            (moved.capacity, moved.snapshots) = (ByteCount(size), snapshots)
            return moved
        }
    }

    public func restore(
        _ trashed: TrashedVolume, as name: String, in context: OperationContext
    ) async throws(StorageError) -> Volume {
        let name = try Self.usableName(name)
        let (deadline, showsUsage) = (context.deadline, showsUsage)
        return try await withConnection(in: context, waitingFor: "the image '\(name.printable)'") {
            connection throws(StorageError) in
            try connection.restore(trashed, as: name)
            return try Self.read(name, connection, until: deadline, showsUsage: showsUsage)
        }
    }

    public func purge(
        _ trashed: TrashedVolume, isForced: Bool, in context: OperationContext
    ) async throws(StorageError) {
        try await withLongCall(
            in: context, over: trashed.capacity?.bytes ?? 0,
            waitingFor: "the deletion of '\(trashed.name.printable)' in the trash"
        ) { connection, call throws(StorageError) in
            try connection.purge(trashed, isForced: isForced, call)
        }
    }
}
