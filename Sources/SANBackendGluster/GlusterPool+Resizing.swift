public import SANEngine
import SANImages
public import SANModel

extension GlusterPool {
    /// Changes the capacity of a raw volume, of a LUKS one, and of a qcow2 or qed image.
    ///
    /// Images are changed by `qemu-img` through QEMU's own driver, whose end takes ten seconds (`glfs_fini`).
    ///
    /// - Throws: `busy` for a file that somebody has open, but for one of raw data that grows; `unsupported` for other formats and for folders;
    ///   `authentication_failed` where an encrypted image's secret is wrong; `not_found`, `invalid_state` where another file has taken the name.
    public func resizeVolume(
        _ volume: Volume, to request: ResizeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        var now = try await image(of: volume, writing: true, context)
        let (header, size) = (now.header, now.size)
        let whole: UInt64
        switch try header.resizing(of: volume, withBytes: size, to: request) {
        case .none: return .unchanged(try await inspect(volume, in: context.renewed))
        case .image:
            // Our own opening counts too.
            now.file = nil
            return try await resizeImage(volume, to: request, context)
        case .file(let bytes): whole = bytes
        }
        if whole < size {
            // The bytes that are cut off are gone to whoever has it open; our own opening doesn't count.
            now.file = nil
            try await requireUnused(volume, context)
            now = try await image(of: volume, writing: true, context)
            guard (now.header, now.size) == (header, size) else {
                throw StorageError(
                    .invalidState, "'\(volume.name.printable)' was changed meanwhile: refresh the pool and look again",
                    subject: .volume(volume.name.printable))
            }
        }
        guard let file = now.file else { throw source.missing(volume.name) }
        if request.allocates, whole > size {
            try await grow(file, volume.name, from: size, to: whole, context)
        } else {
            try await setLength(of: file, volume.name, from: size, to: whole, context)
        }
        return .changed(try await inspect(volume, after: "resized", in: context))
    }

    /// Changes the length of a file that has still the old one.
    ///
    /// One that comes late stays: once the caller has been told, the new length may be somebody else's, who writes there.
    func setLength(
        of file: GlusterFile, _ name: String, from old: UInt64, to new: UInt64, _ context: OperationContext
    ) async throws(StorageError) {
        let uri = source.uri(of: name)
        let effect = Effect(
            possible:
                "'\(uri)' may still \(new < old ? "be cut" : "grow") from \(old) to \(new) bytes: refresh the pool",
            certain: "'\(uri)' has \(new) bytes all the same: refresh the pool")
        try await call("the size", context, effect) { _ throws(StorageError) in
            try file.requireLength(old, name)
            try effect.begin()
            guard new > old else { return try file.truncate(to: new) }
            do throws(StorageError) {
                // Never ftruncate where there is another way: another host may have made it longer than that by now.
                try file.extend(to: new)
            } catch  where error.code == .unsupported {
                try effect.begin()
                try file.truncate(to: new)
            }
        }
    }

    /// The file of a listed volume, open, with its header and size.
    ///
    /// - Throws: as ``ImageHeader/of(_:)``.
    func image(
        of volume: Volume, writing: Bool, _ context: OperationContext
    ) async throws(StorageError) -> (file: GlusterFile?, header: ImageHeader, size: UInt64) {
        let source = source
        return try await call("the file '\(volume.name.printable)'", context) { connected throws(StorageError) in
            let file = try source.openListed(volume, writing: writing, on: connected)
            let status = try file.status()
            var reader = GlusterReader(volume: connected, source: source)
            let header = try reader.header(of: file, volume.name, status).of(volume)
            try header.refuseExternalData(of: volume)
            return (file, header, status.size)
        }
    }

    private func resizeImage(
        _ volume: Volume, to request: ResizeRequest, _ context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        // The header is believed only while nobody has the file open: QEMU opens what it names.
        try await requireUnused(volume, context)
        let (_, header, size) = try await image(of: volume, writing: false, context)
        guard case .image(let resize) = try header.resizing(of: volume, withBytes: size, to: request) else {
            return .unchanged(try await inspect(volume, in: context.renewed))
        }
        let passphrase = try await context.passphrase(of: volume, for: resize)
        try await run(resize, of: header, at: source.path(of: volume.name), volume.name, passphrase, context.renewed)
        return .changed(try await inspect(volume, after: "resized", in: context))
    }

    /// Has `qemu-img` change the size of an image that nobody uses.
    func run(
        _ resize: QemuImg.Resize, of header: ImageHeader, at path: String, _ name: String, _ passphrase: SecretBytes?,
        _ context: OperationContext
    ) async throws(StorageError) {
        var resize = resize
        let standIn = resize.shrinks ? nil : try await standInLength(for: header, name, context)
        let place = source.place(path)
        try await withDraft(context) { draft throws(StorageError) in
            if let standIn {
                try await draft.makeZeros(standIn)
                resize.backing = .zeros(draft.zeros)
            }
            try await QemuImg(commands: commands).resize(
                place, resize, passphrase: passphrase,
                until: resize.allocates ? .never : context.renewed.deadline)
        }
    }

    /// Nil where nothing of a backing file can show through in the new space: there is none, or one in this folder that isn't longer.
    private func standInLength(
        for header: ImageHeader, _ name: String, _ context: OperationContext
    ) async throws(StorageError) -> ByteCount? {
        guard header.backing != nil, let old = header.capacity else { return nil }
        // QEMU takes a name that begins with a slash for a file of the host that it runs on (`path_combine` keeps it as it is).
        let isLocal = header.backing?.name.first == UInt8(ascii: "/")
        if !isLocal, let sibling = header.sibling(in: source.path) {
            let source = source
            let found = try await call("the backing file '\(sibling.name)'", context) { volume throws(StorageError) in
                var reader = GlusterReader(volume: volume, source: source)
                return try reader.volume(named: sibling.name)
            }
            if let length = found?.definition.length(as: sibling.format), length <= old { return nil }
        }
        return try header.standInLength(toGrow: name)
    }
}
