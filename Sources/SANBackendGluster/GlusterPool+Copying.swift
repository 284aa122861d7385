import SANEngine
import SANHost
import SANImages
import SANModel

extension GlusterPool {
    /// Fills a new volume from another one, of any pool whose volumes can be read: with its bytes as they are, or with what `qemu-img` makes of them.
    ///
    /// - Throws: `unsupported` for an image that is only a part, and for a conversion of one that is encrypted or stands on a backing file.
    func makeCopy(
        _ name: String, _ plan: CreationPlan, of origin: VolumeRequest.Origin, _ context: OperationContext
    ) async throws(StorageError) -> Volume {
        guard let data = origin.pool as? any VolumeData else {
            throw refused(origin, "can't be read through its pool")
        }
        if case .folder = plan.kind { throw refused(origin, "can't fill a folder") }
        guard plan.backing == nil || plan.backingIsInherited(from: origin.volume) else {
            throw refused(origin, "stands on another backing file: leave <backingStore> out")
        }
        guard isKnown(origin) else {
            throw StorageError(
                .invalidState,
                "The format of '\(origin.volume.name.printable)' couldn't be read when it was listed: refresh its pool and try again",
                subject: .volume(origin.volume.name.printable))
        }
        guard keepsFormat(plan, origin.volume.definition) else {
            return try await makeConversion(name, plan, of: origin, data, context)
        }
        guard origin.volume.definition.backingStore == nil || (origin.pool as? GlusterPool)?.source == source else {
            throw refused(origin, "stands on a backing file, which its copy in another pool wouldn't find")
        }
        let isFull = plan.definition.allocation.map { $0 >= plan.capacity ?? 0 } ?? true
        return try await publish(name, plan, context) { staging throws(StorageError) in
            let file = staging.file
            let count = try await copySteadily(origin, of: data, into: file, named: name, context)
            let wanted = plan.capacity ?? 0
            if case .raw = plan.kind {
                let size = max(count, wanted.bytes)
                if size > count {
                    try await call("the size", context.renewed) { _ throws(StorageError) in try file.truncate(to: size)
                    }
                }
                // Where the bricks can't, it stays sparse.
                if isFull { _ = try await reserve(0..<size, of: file, context) }
                return
            }
            // A guest may have changed the header since it was listed; in the copy it can't.
            let header = try await header(of: file, origin, context)
            try plan.requireSecret(of: origin.volume, header)
            guard let capacity = header.capacity, wanted > capacity else { return }
            try await grow(staging, name, header, to: wanted, context.renewed)
        }
    }

    /// Copies what has tables only while nobody writes to it; raw and LUKS volumes as they are at each moment, as disks are.
    private func copySteadily(
        _ origin: VolumeRequest.Origin, of data: any VolumeData, into file: GlusterFile, named name: String,
        _ context: OperationContext
    ) async throws(StorageError) -> UInt64 {
        let volume = origin.volume
        guard volume.definition.listedHeader.hasTables, let pool = origin.pool as? any ImageFilePool else {
            return try await copy(volume, of: data, into: file, named: name, context)
        }
        return try await pool.readSteadily(volume, in: context) { () async throws(StorageError) in
            try await copy(volume, of: data, into: file, named: name, context)
        }
    }

    /// The header of a copy, whose origin's name tells whether it may be at the end.
    private func header(
        of file: GlusterFile, _ origin: VolumeRequest.Origin, _ context: OperationContext
    ) async throws(StorageError) -> ImageHeader {
        let source = source
        return try await call("the new file", context.renewed) { connected throws(StorageError) in
            var reader = GlusterReader(volume: connected, source: source)
            let header = try reader.header(of: file, origin.volume.name, try file.status()).of(origin.volume)
            try header.refuseExternalData(of: origin.volume)
            return header
        }
    }

    private func grow(
        _ staging: Staging, _ name: String, _ header: ImageHeader, to wanted: ByteCount, _ context: OperationContext
    ) async throws(StorageError) {
        if header.format == "luks", let size = (header.payloadOffset ?? 0).adding(wanted) {
            let file = staging.file
            return try await call("the size", context) { _ throws(StorageError) in try file.truncate(to: size.bytes) }
        }
        guard [.qcow2, "qed"].contains(header.format), header.encryption == nil else {
            throw StorageError(
                .unsupported, "A copy of this \(header.format) volume can't be made larger: leave the capacity out",
                subject: .volume(name.printable))
        }
        let resize = QemuImg.Resize(ResizeRequest(capacity: wanted), of: header)
        try await run(resize, of: header, at: staging.path, name, nil, context)
    }

    /// Whether the origin's bytes as they are make the wanted volume.
    private func keepsFormat(_ plan: CreationPlan, _ listed: VolumeDefinition) -> Bool {
        let format = listedFormat(listed)
        switch plan.kind {
        case .folder: return false
        case .raw: return format == .raw
        case .image("luks", _), .copy: return format == plan.format
        case .image:
            let target = plan.definition.target
            return format == plan.format && (target.encryption != nil) == (listed.target.encryption != nil)
                && (target.compat ?? listed.target.compat) == listed.target.compat
                && (target.clusterSize ?? listed.target.clusterSize) == listed.target.clusterSize
                && (target.features ?? listed.target.features) == listed.target.features
        }
    }

    private func listedFormat(_ listed: VolumeDefinition) -> VolumeFormat {
        listed.target.format.map { VolumeFormat.unheaded.contains($0) ? .raw : $0 } ?? .raw
    }

    /// Whether it is known what the origin is: of a file whose header couldn't be read it isn't, and what has no format elsewhere is raw.
    private func isKnown(_ origin: VolumeRequest.Origin) -> Bool {
        let isFile = origin.pool is GlusterPool || origin.volume.definition.type == .file
        return !isFile || origin.volume.definition.target.format != nil
    }

    // MARK: Conversion

    /// What QEMU reads an origin from.
    private struct Convertible {
        var place: ImagePlace
        var header: ImageHeader
        var size: UInt64
        /// See ``FrozenHeader``.
        var overlay: [UInt8]?
    }

    /// Has `qemu-img` turn the origin into another format, by QEMU's own way to Gluster: no data touches this host's disks.
    private func makeConversion(
        _ name: String, _ plan: CreationPlan, of origin: VolumeRequest.Origin, _ data: any VolumeData,
        _ context: OperationContext
    ) async throws(StorageError) -> Volume {
        try plan.requireConversion()
        let listed = origin.volume.definition
        guard listed.backingStore == nil else {
            throw refused(
                origin,
                "stands on a backing file, which sanctl doesn't open on an image's word: flatten it with 'qemu-img rebase' first"
            )
        }
        guard listed.target.encryption == nil || origin.volume.isDecrypted else {
            throw refused(origin, "is encrypted: it can be copied in its own format only")
        }
        if let pool = origin.pool as? GlusterPool {
            let convertible = try await pool.convertible(origin.volume, context)
            // Half a sector at the end QEMU can't read; a copy gets the rest of it.
            if convertible.size.isMultiple(of: 512) {
                return try await convert(name, plan, convertible, origin, context)
            }
        }
        // QEMU can't read what other pools are made of: it gets a copy, in this pool, where there is room for images.
        let copy = try await makeStaging(name, context)
        let made: Volume
        do throws(StorageError) {
            let count = try await copySteadily(origin, of: data, into: copy.file, named: name, context)
            let size = try await roundUp(copy.file, count, context.renewed)
            let file = copy.file
            try await call("the copy", context.renewed) { _ throws(StorageError) in try file.sync() }
            // What a guest writes to a raw volume is data, also where it looks like an image.
            let isRaw = listedFormat(listed) == .raw
            let header = isRaw ? .spanningFile(.raw) : try await header(of: file, origin, context)
            let copied = Convertible(place: source.place(copy.path), header: header, size: size)
            made = try await convert(name, plan, copied, origin, context.renewed)
        } catch {
            throw await discard(copy, after: error, context)
        }
        do throws(StorageError) {
            try await discard(copy, context)
        } catch {
            context.logger.warning("The volume was made. \(error.message): \(error.causes.map(\.message).joined())")
        }
        return made
    }

    /// A volume of this pool as it is now, with the start that was looked at.
    private func convertible(_ volume: Volume, _ context: OperationContext) async throws(StorageError) -> Convertible {
        if listedFormat(volume.definition) != .raw {
            try await requireUnused(volume, context)
        }
        let (file, header, size) = try await image(of: volume, writing: false, context)
        let place = source.place(source.path(of: volume.name))
        guard let file, header.format.driver != "raw" else {
            return Convertible(place: place, header: header, size: size)
        }
        let overlay = try await call("the file '\(volume.name.printable)'", context) { _ throws(StorageError) in
            var bytes = [UInt8](repeating: 0, count: Int(min(size, UInt64(ImageHeader.longestHeader))))
            let count = try file.read(into: &bytes, at: 0)
            return try FrozenHeader(Array(bytes.prefix(count)), size: size, seen: header, of: volume).overlay()
        }
        return Convertible(place: place, header: header, size: size, overlay: overlay)
    }

    private func convert(
        _ name: String, _ plan: CreationPlan, _ read: Convertible, _ origin: VolumeRequest.Origin,
        _ context: OperationContext
    ) async throws(StorageError) -> Volume {
        guard read.header.backing == nil, read.header.encryption == nil else {
            throw refused(origin, "was changed since it was listed: refresh its pool")
        }
        let passphrase = try await context.passphrase(of: plan)
        let size = read.header.spansFile ? ByteCount(read.size) : read.header.capacity ?? 0
        let capacity = max(size, plan.capacity ?? 0)
        return try await withDraft(context) { draft throws(StorageError) in
            if let overlay = read.overlay { try await draft.freeze(overlay) }
            return try await publish(name, plan, context.renewed) { staging throws(StorageError) in
                let file = staging.file
                var target = "raw"
                if case .image(let format, let options) = plan.kind {
                    target = format
                    try await fill(staging, with: plan, format, options, capacity, passphrase, draft, context.renewed)
                } else {
                    try await call("the size", context.renewed) { _ throws(StorageError) in
                        try file.truncate(to: capacity.bytes)
                    }
                }
                // QEMU is another client: what is on its way here it doesn't see.
                try await call("the new file", context.renewed) { _ throws(StorageError) in try file.sync() }
                let conversion = QemuImg.Conversion(
                    read.place, format: read.header.format.driver, frozen: read.overlay == nil ? nil : draft.frozen,
                    to: source.place(staging.path), format: target, isTargetMade: true)
                // Conversions go on as long as they need: only the user ends them.
                try await QemuImg(commands: commands).convert(conversion, passphrase: passphrase, until: .never)
                guard case .raw(let allocation) = plan.kind, allocation.map({ $0 >= capacity }) ?? true else { return }
                _ = try await reserve(0..<capacity.bytes, of: file, context.renewed)
            }
        }
    }

    /// Reads the origin through its pool and writes a new file, both at once.
    ///
    /// - Returns: how many bytes there were.
    private func copy(
        _ origin: Volume, of pool: any VolumeData, into file: GlusterFile, named name: String,
        _ context: OperationContext
    ) async throws(StorageError) -> UInt64 {
        try await VolumePump(volume: origin, pool: pool).run(in: context) {
            (source, context) async throws(StorageError) in
            try await GlusterAccess.transfer(file, size: .max, named: name)
                .upload(try TransferEnd(source), TransferRequest(isSparse: true), length: nil, in: context)
        }.bytes
    }

    private func refused(_ origin: VolumeRequest.Origin, _ why: String) -> StorageError {
        StorageError(
            .unsupported, "'\(origin.volume.name.printable)' \(why)", subject: .volume(origin.volume.name.printable))
    }
}
