import CLinux
import SANImages
import SANModel

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Reads the files of a folder as volumes: one open, one statx, one read of a header, one close for most of them.
struct FileReader {
    private let folder: OpenFile
    private let system: FileSystem
    private let raw: RawFiles?
    private var headers = HeaderReader()

    /// - Parameter raw: files whose headers tell nothing; nil where the caller knows what the file is.
    init(folder: OpenFile, system: FileSystem, raw: RawFiles? = nil) {
        self.folder = folder
        self.system = system
        self.raw = raw
    }

    /// A volume of a listing; nil for what isn't one: a pipe, a socket, a device, a dangling link, a file that has just gone.
    mutating func volume(at index: Int, of entries: FolderEntries) -> Volume? {
        guard let name = entries.name(at: index), FileName.isUsable(name) else {
            return unusable(entries.bytes(at: index), type: entries.type(at: index))
        }
        switch Int(entries.type(at: index)) {
        case Int(DT_REG): return regular(name)
        case Int(DT_FIFO), Int(DT_SOCK), Int(DT_CHR), Int(DT_BLK): return nil
        default: return volume(named: name)
        }
    }

    /// The volume of a name; nil where there is none.
    mutating func volume(named name: String) -> Volume? {
        do throws(StorageError) {
            let status = try folder.status(of: name)
            switch status.kind {
            case .file: return regular(name)
            case .folder: return describe(name, status)
            case .link: return linked(name)
            case .other: return nil
            }
        } catch {
            return error.code == .notFound ? nil : broken(name, error)
        }
    }

    /// The image of an open file, and its status.
    mutating func image(of file: OpenFile, name: String) throws(StorageError) -> (ImageHeader, FileStatus) {
        let status = try file.status()
        guard status.kind == .file else { return (.spanningFile(.raw), status) }
        return (try header(of: file, name: name, status), status)
    }

    private mutating func regular(_ name: String) -> Volume? {
        do throws(StorageError) {
            let file = try folder.open(name, O_RDONLY)
            return try describe(name, file, path: file.path)
        } catch  where error.code == .notFound {
            return nil
        } catch {
            return broken(name, error)
        }
    }

    /// What a link leads to, as long as that is in the folder too.
    private mutating func linked(_ name: String) -> Volume? {
        do throws(StorageError) {
            return try describe(name, folder.openBeneath(try destination(of: name) ?? name, O_RDONLY))
        } catch {
            switch error.code {
            case .notFound: return nil
            case .permissionDenied:
                let message =
                    "The link '\(name.printable)' leads out of the pool's folder or in a circle, and isn't followed"
                return broken(name, StorageError(.permissionDenied, message, subject: .volume(name.printable)))
            default: return broken(name, error)
            }
        }
    }

    /// The part below the folder of a link to an absolute path in it, which RESOLVE_BENEATH refuses as such.
    private func destination(of name: String) throws(StorageError) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let result = unsafe buffer.withUnsafeMutableBufferPointer { bytes -> Int64 in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe san_link_read(folder.descriptor, name, start, bytes.count)
        }
        let count = try check(result, cannot: "read the link", folder.path(of: name))
        let target = String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let prefix = folder.path(of: "")
        return target.hasPrefix(prefix) && target != prefix ? String(target.dropFirst(prefix.count)) : nil
    }

    private mutating func describe(
        _ name: String, _ file: OpenFile, path: String? = nil
    ) throws(StorageError) -> Volume? {
        let status = try file.status()
        switch status.kind {
        case .folder: return describe(name, status)
        case .link, .other: return nil
        case .file: break
        }
        var header = try header(of: file, name: name, status)
        if let raw { header = raw.listed(header, of: status.identity(on: system), named: name) }
        var volume = describe(name, path: path, status, header)
        if system.hasLabels { volume.definition.target.permissions?.label = file.label() }
        if system.isBtrfs { volume.definition.target.noCopyOnWrite = san_file_no_copy_on_write(file.descriptor) == 1 }
        return volume
    }

    private mutating func header(
        of file: OpenFile, name: String, _ status: FileStatus
    ) throws(StorageError) -> ImageHeader {
        try headers.header(named: name, size: status.size, allocation: status.allocation) {
            bytes, offset throws(StorageError) in try file.read(into: &bytes, at: offset)
        }
    }
}

/// Documents of what was read.
extension FileReader {
    private func base(_ name: String, _ type: VolumeType, path: String? = nil) -> VolumeDefinition {
        var definition = VolumeDefinition(name: name, type: type)
        let path = path ?? folder.path(of: name)
        definition.key = path
        definition.target.path = path
        return definition
    }

    private func describe(_ name: String, _ status: FileStatus) -> Volume {
        var definition = base(name, .dir)
        definition.capacity = 0
        definition.allocation = 0
        definition.target.format = .directory
        definition.target.permissions = status.permissions
        definition.target.timestamps = status.timestamps
        return Volume(definition, file: status.identity(on: system))
    }

    private func describe(_ name: String, path: String?, _ status: FileStatus, _ header: ImageHeader) -> Volume {
        var definition = base(name, .file, path: path)
        definition.target.permissions = status.permissions
        definition.target.timestamps = status.timestamps
        let problems = definition.take(
            header, size: status.size, allocation: status.allocation, folder: folder.path)
        return Volume(definition, file: status.identity(on: system), problems: problems)
    }

    /// A file that is there but can't be read: what its status says, and why.
    private func broken(_ name: String, _ error: StorageError) -> Volume? {
        var broken = Volume(base(name, .file), problems: [Problem(error.about(.volume, name.printable))])
        do throws(StorageError) {
            let status = try folder.status(of: name)
            if status.kind == .other { return nil }
            let identity = status.identity(on: system)
            broken.file = identity
            broken.definition.target.permissions = status.permissions
            broken.definition.target.timestamps = status.timestamps
            switch status.kind {
            case .file:
                broken.definition.allocation = ByteCount(status.allocation)
                broken.definition.physical = ByteCount(status.size)
                // What can't be read now mustn't be judged anew by its header when it can.
                broken.definition.target.format = raw?.format(of: identity, named: name)
            // The status is its own, not that of what it leads to.
            case .link: keepWhatWasListed(&broken)
            case .folder, .other: break
            }
        } catch {
            if error.code == .notFound { return nil }
            keepWhatWasListed(&broken)
        }
        return broken
    }

    /// What a file was that doesn't even have a status now, as on a share whose server is gone.
    private func keepWhatWasListed(_ volume: inout Volume) {
        volume.file = raw?.file(named: volume.name) ?? volume.file
        guard let last = raw?.volume(named: volume.name) else { return }
        volume.definition.physical = last.definition.physical
        volume.definition.target.format = last.definition.target.format
    }

    /// A file whose name no document can have: shown with escapes, and not usable.
    private func unusable(_ name: ArraySlice<UInt8>, type: UInt8) -> Volume? {
        guard !name.starts(with: Staging.prefix.utf8), [DT_REG, DT_LNK, DT_DIR, DT_UNKNOWN].contains(Int(type)) else {
            return nil
        }
        let shown = String(decoding: name, as: UTF8.self).printable
        let error = StorageError(
            .invalidArgument, "A file whose name isn't UTF-8, or has control characters, can't be used: rename it",
            subject: .volume(shown))
        return Volume(base(shown, .file), problems: [Problem(error)])
    }
}
