public import SANEngine
import SANHost
public import SANModel

extension RBDPool: VolumeCloning {
    /// Makes a clone: an image that stands on a snapshot of another one and has only what is written to it, in any pool or namespace of the
    /// cluster.
    ///
    /// Without a snapshot one is made, named `sanctl-clone-…`, unless there is such a one already and the image hasn't changed since. Snapshots
    /// are protected where the cluster asks for it (clones of the first format).
    ///
    /// - Throws: `already_exists`, `not_found`, `unsupported` for an image in another cluster or without layering, `cancelled`, `timed_out`;
    ///   nothing is left behind then.
    public func cloneVolume(_ request: CloneRequest, in context: OperationContext) async throws(StorageError) -> Change<
        Volume
    > {
        let name = try Self.usableName(request.name)
        guard let parentPool = request.origin.pool as? RBDPool else {
            throw StorageError(
                .unsupported, "No clone in an rbd pool can stand on a volume of another type: copy it with create-from",
                subject: .volume(name.printable))
        }
        try await step(in: context, waitingFor: "the image '\(name.printable)'") {
            connection throws(StorageError) in try connection.refuse(name)
        }
        try await ImageCloning(
            steps: RBDCloneSteps(
                pool: self, parentPool: parentPool, parent: request.origin.volume, name: name,
                context: context),
            snapshot: request.snapshot
        ).run()
        return .changed(try await read(name, in: context.renewed))
    }

    /// Makes an image with all bytes of another volume, of any pool whose volumes can be read.
    ///
    /// It has another name until it is whole. The operation's deadline doesn't bound the copying, each wait for the storage it does.
    func copy(
        _ origin: VolumeRequest.Origin, as name: String, _ wanted: UInt64?, _ settings: ImageSettings?,
        in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        let (listed, shown) = (origin.volume.definition, name.printable)
        guard let data = origin.pool as? any VolumeData else {
            throw StorageError(
                .unsupported, "'\(listed.name.printable)' can't be read through its pool",
                subject: .volume(listed.name.printable))
        }
        guard [nil, .raw, "iso", "unknown", "none"].contains(listed.target.format) else {
            throw StorageError(
                .unsupported,
                "'\(listed.name.printable)' is no raw image: convert it with 'qemu-img convert' to what can be uploaded",
                subject: .volume(listed.name.printable))
        }
        guard listed.target.encryption == nil else {
            throw StorageError(
                .unsupported,
                "'\(listed.name.printable)' is encrypted, and the copy wouldn't be: clone it, or make an encrypted volume and fill it by upload",
                subject: .volume(listed.name.printable))
        }
        var size = listed.capacity?.bytes ?? 0
        if let pool = origin.pool as? any VolumeInspection {
            size = try await pool.inspect(origin.volume, in: context).definition.capacity?.bytes ?? size
        }
        let capacity = max(wanted ?? 0, size)
        let staged = ImageNaming.unfinished()
        var undo = UndoList()
        do throws(StorageError) {
            undo.append { () async throws(StorageError) in
                try await step(in: context.renewed, waitingFor: "the unfinished image '\(staged)'") {
                    connection throws(StorageError) in try connection.removeIfThere(staged)
                }
            }
            let image = try await make(staged, for: name, capacity, settings, in: context)
            _ = try await VolumePump(volume: origin.volume, pool: data).run(in: context) {
                (source, context) async throws(StorageError) in
                try await upload(source, to: image, TransferRequest(isSparse: true), in: context)
            }
            try await publish(staged, as: name, in: context.renewed)
        } catch {
            throw await undo.run(after: error).error.about(.volume, shown)
        }
        return .changed(try await read(name, in: context.renewed))
    }

    private func make(
        _ staged: String, for name: String, _ capacity: UInt64, _ settings: ImageSettings?,
        in context: OperationContext
    ) async throws(StorageError) -> Volume {
        let (deadline, showsUsage) = (context.deadline, showsUsage)
        return try await step(in: context, waitingFor: "the new image '\(name.printable)'") {
            connection throws(StorageError) in
            try connection.refuse(name)
            try connection.make(staged, capacity, settings)
            return try Self.read(staged, connection, until: deadline, showsUsage: showsUsage)
        }
    }

    /// Reads what has just been done, whoever is cancelled meanwhile.
    func read(_ name: String, in context: OperationContext) async throws(StorageError) -> Volume {
        let (deadline, showsUsage) = (context.deadline, showsUsage)
        return try await shielded { () async throws(StorageError) in
            try await withConnection(in: context, waitingFor: "the image '\(name.printable)'") {
                connection throws(StorageError) in
                try Self.read(name, connection, until: deadline, showsUsage: showsUsage)
            }
        }
    }
}
