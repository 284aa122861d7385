import CCeph
public import SANEngine
public import SANModel

extension RBDPool: VolumeProvisioning {
    /// Makes an image of format 2, empty or with the bytes of another volume; what its settings don't say the pool's `rbd_default_…` options
    /// do, else Ceph.
    ///
    /// - Throws: `already_exists`, `invalid_argument` for a size or name that an image can't have, `unsupported` for a format other than raw,
    ///   for encryption that librbd doesn't do, and for an origin that isn't raw; `cancelled`, and what the cluster says.
    public func createVolume(
        _ request: VolumeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        let capacity = try Self.capacity(of: request)
        let (name, deadline, showsUsage) = (request.definition.name, context.deadline, showsUsage)
        let settings = request.definition.imageSettings
        if let encryption = request.definition.target.encryption {
            return try await createEncrypted(name, capacity, settings, encryption, in: context)
        }
        if let origin = request.origin { return try await copy(origin, as: name, capacity, settings, in: context) }
        return try await withConnection(in: context, waitingFor: "the new image '\(name.printable)'") {
            connection throws(StorageError) in
            try connection.make(name, capacity, settings)
            return .changed(try Self.read(name, connection, until: deadline, showsUsage: showsUsage))
        }
    }

    /// Makes an image larger, or smaller where nobody has it open or that is forced.
    ///
    /// - Throws: `busy` with who has it open, `invalid_state` for another image of that name, `unsupported` for allocation ahead, `not_found`.
    public func resizeVolume(
        _ volume: Volume, to request: ResizeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        guard !request.allocates else {
            throw StorageError(
                .unsupported, "An image's space can't be allocated ahead: leave --allocate out",
                subject: .volume(volume.name.printable))
        }
        let name = volume.name.printable
        // What is shown as its progress: growing has none.
        let listed = volume.definition.capacity?.bytes ?? 0
        let isChanged = try await withLongCall(
            in: context, over: listed - min(request.capacity.bytes, listed),
            waitingFor: "the resizing of the image '\(name)'"
        ) { connection, call throws(StorageError) in
            let seen = try OpenImage(volume, readOnly: true, connection)
            let size = try seen.sizeAndOrder().size
            let encryption = volume.definition.target.encryption
            let luks = try seen.luks()
            // What it was listed with is what the new size counts.
            guard luks?.format == encryption?.format else { throw seen.isOtherwise() }
            // Where no secret is known the header may be a guest's own, and is no reason to add to the image.
            let header = encryption?.secrets.isEmpty == false ? luks?.payload ?? 0 : 0
            try request.check(volume.name, whichHas: ByteCount(size - min(header, size)))
            let (wanted, overflow) = request.capacity.bytes.addingReportingOverflow(header)
            guard !overflow, wanted <= UInt64(Int64.max) else {
                throw StorageError(.invalidArgument, "An image has at most 2^63 - 1 bytes")
            }
            guard size != wanted else { return false }
            let shrinks = wanted < size
            // Whoever has an image's lock resizes it for others.
            let image =
                shrinks && !request.isForced
                ? try OpenImage.claim(volume, connection) : try OpenImage(volume, readOnly: false, connection)
            let left = StorageError(
                .invalidState,
                "What '\(name)' holds from \(request.capacity) on may be lost in part, whatever its size: shrink it again",
                subject: .volume(name))
            try call.proceed(
                at: try image.lockOwner(), leaving: shrinks ? left : nil,
                over: shrinks ? LongCall.Work(end: size, start: wanted) : nil)
            try image.resize(to: wanted, allowsShrink: shrinks, call)
            return true
        }
        return isChanged
            ? .changed(try await inspect(volume, after: "resized", in: context))
            : .unchanged(try await inspect(volume, in: context.renewed))
    }

    // MARK: Below

    /// - Throws: what ``createVolume(_:in:)`` throws for a request.
    private static func capacity(of request: VolumeRequest) throws(StorageError) -> UInt64 {
        let definition = request.definition
        let subject = StorageError.Subject.volume(definition.name.printable)
        func refused(_ code: StorageError.Code, _ message: String) -> StorageError {
            StorageError(code, message, subject: subject)
        }
        guard [nil, VolumeFormat.raw].contains(definition.target.format), definition.backingStore == nil else {
            throw refused(.unsupported, "Only RAW volumes are supported by this storage pool: leave the format out")
        }
        if let encryption = definition.target.encryption {
            _ = try ImageEncryption.check(encryption)
            guard request.origin == nil else {
                throw refused(.unsupported, "A copy can't be encrypted: make it empty, and upload what it is to hold")
            }
        }
        _ = try usableName(definition.name)
        guard let capacity = definition.capacity?.bytes, capacity > 0 else {
            throw refused(.invalidArgument, "Volume capacity required for this storage pool: 1 byte at least")
        }
        guard capacity <= UInt64(Int64.max) else {
            throw refused(.invalidArgument, "An image has at most 2^63 - 1 bytes")
        }
        return capacity
    }

    /// The name of a new image.
    ///
    /// '@' is the separator of a snapshot's name, and rbd's programs could never name the image; NUL and '/' no volume has.
    static func usableName(_ name: String) throws(StorageError) -> String {
        guard !name.contains("@") else {
            throw StorageError(
                .invalidArgument, "'\(name.printable)' can't name an image: it has an '@'",
                subject: .volume(name.printable))
        }
        return name
    }
}

extension OpenImage {
    /// Opens the image that was listed, and no other of its name.
    ///
    /// - Throws: `invalid_state` for another one, for one whose deletion was begun, and to change one that is being migrated or that mirroring
    ///   writes.
    convenience init(_ volume: Volume, readOnly: Bool, _ connection: ClusterConnection) throws(StorageError) {
        do throws(StorageError) {
            try self.init(volume.name, readOnly: readOnly, connection)
        } catch {
            throw try connection.whyMissing(volume, error)
        }
        let now = ImageIdentity(
            cluster: connection.fsid, pool: connection.poolID, namespace: connection.source.namespace, id: try id())
        guard volume.image == now else { throw OpenImage.isAnother(volume) }
        if !readOnly { try refuseMoving() }
    }

    static func isAnother(_ volume: Volume) -> StorageError {
        StorageError(
            .invalidState,
            "'\(volume.name.printable)' isn't the image that was listed: refresh the pool and look again",
            subject: .volume(volume.name.printable))
    }
}
