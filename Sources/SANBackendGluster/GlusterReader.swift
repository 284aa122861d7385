import SANImages
import SANModel

/// Reads the files of a folder as volumes; every call blocks.
struct GlusterReader {
    private let volume: GlusterVolume
    private let source: GlusterSource
    private let known: KnownVolumes
    private let raw: RawFiles?
    private var headers = HeaderReader()

    /// - Parameter raw: files whose headers tell nothing; nil where the caller knows what the file is.
    init(
        volume: GlusterVolume, source: GlusterSource, known: KnownVolumes = KnownVolumes(), raw: RawFiles? = nil
    ) {
        self.volume = volume
        self.source = source
        self.known = known
        self.raw = raw
    }

    /// A volume of a listing; nil for what isn't one: a pipe, a socket, a device, a dangling link, a file that has just gone.
    mutating func volume(of entry: GlusterEntries.Entry) -> Volume? {
        guard let name = String(validating: entry.name, as: UTF8.self), StagingName.isUsable(name) else {
            return unusable(entry)
        }
        do throws(StorageError) {
            guard let status = entry.status, status.kind == .file, let object = entry.object else {
                return try self.volume(named: name)
            }
            if let same = known.volume(named: name, uri: source.uri(of: name), status) { return same }
            let (volume, path) = (volume, source.path(of: name))
            let header = try headers.header(named: name, size: status.size, allocation: status.allocation) {
                bytes, offset throws(StorageError) in try volume.read(object, into: &bytes, at: offset, path: path)
            }
            return describe(name, status, header)
        } catch {
            return error.code == .notFound ? nil : broken(name, entry.status, error)
        }
    }

    /// The volume of a name, nil where there is none; a link is shown as what it leads to.
    ///
    /// - Throws: what keeps it from being read.
    mutating func volume(named name: String) throws(StorageError) -> Volume? {
        do throws(StorageError) {
            let path = source.path(of: name)
            var status = try volume.status(of: path)
            if status.kind == .link { status = try volume.status(of: path, following: true) }
            switch status.kind {
            case .folder: return describe(name, status)
            case .link, .other: return nil
            case .file:
                guard status.size > 0 else { return describe(name, status, .spanningFile(.raw)) }
                let file = try volume.open(path, writing: false)
                return describe(name, status, try header(of: file, name, status))
            }
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    /// The image in an open file.
    mutating func header(
        of file: GlusterFile, _ name: String, _ status: GlusterStatus
    ) throws(StorageError) -> ImageHeader {
        try headers.header(named: name, size: status.size, allocation: status.allocation) {
            bytes, offset throws(StorageError) in try file.read(into: &bytes, at: offset)
        }
    }

    // MARK: Documents

    private func base(_ name: String, _ type: VolumeType, _ status: GlusterStatus?) -> VolumeDefinition {
        var definition = VolumeDefinition(name: name, type: type)
        let uri = source.uri(of: name)
        definition.key = uri
        definition.target.path = uri
        definition.target.permissions = status?.permissions
        definition.target.timestamps = status?.timestamps
        return definition
    }

    private func describe(_ name: String, _ status: GlusterStatus) -> Volume {
        var definition = base(name, .netdir, status)
        definition.capacity = 0
        definition.allocation = 0
        definition.target.format = .directory
        return Volume(definition, file: status.identity)
    }

    private func describe(_ name: String, _ status: GlusterStatus, _ header: ImageHeader) -> Volume {
        var definition = base(name, .network, status)
        let header = raw?.listed(header, of: status.identity, named: nil) ?? header
        // As the header has it: an absolute name is none of the volume (QEMU takes it for a file of its host), and must not look like one.
        let problems = definition.take(header, size: status.size, allocation: status.allocation, folder: nil)
        return Volume(definition, file: status.identity, problems: problems)
    }

    /// A file that is there but can't be read: what is known of it, and why.
    private func broken(_ name: String, _ status: GlusterStatus?, _ error: StorageError) -> Volume {
        var definition = base(name, status?.kind == .folder ? .netdir : .network, status)
        var file = status?.identity
        // What can't be read now mustn't be judged anew by its header when it can.
        if let status, status.kind == .file {
            definition.allocation = ByteCount(status.allocation)
            definition.physical = ByteCount(status.size)
            definition.target.format = raw?.format(of: status.identity, named: nil)
        } else if status?.kind != .folder {
            // The status is the link's own, or there is none.
            let known = raw?.volume(named: name)
            file = raw?.file(named: name) ?? file
            definition.physical = known?.definition.physical
            definition.target.format = known?.definition.target.format
        }
        return Volume(definition, file: file, problems: [Problem(error.about(.volume, name.printable))])
    }

    /// A file whose name no document can have: shown with escapes, and not usable.
    private func unusable(_ entry: GlusterEntries.Entry) -> Volume? {
        let shown = String(decoding: entry.name, as: UTF8.self).printable
        guard !StagingName.isOne(shown), !shown.hasPrefix(FileName.privatePrefix), entry.status?.kind != .other else {
            return nil
        }
        let error = StorageError(
            .invalidArgument, "A file whose name isn't UTF-8, or has control characters, can't be used: rename it",
            subject: .volume(shown))
        return Volume(base(shown, .network, entry.status), problems: [Problem(error)])
    }
}
