import CLinux
import SANEngine
import SANHost
import SANImages
import SANModel

extension FileVolumes {
    /// Opens the file of a volume that was listed, after making sure that it is still that file.
    ///
    /// - Throws: `not_found`, `unsupported` for a link and for a folder, `invalid_state` where another file has taken its name.
    func openListed(_ volume: Volume, _ flags: Int32) throws(StorageError) -> OpenFile {
        let name = try FileName(volume.name)
        let folder = try open()
        do throws(StorageError) {
            let named = try folder.status(of: name.text)
            guard named.kind != .link else {
                throw StorageError(
                    .unsupported, "'\(name.text.printable)' is a link: use the volume that it leads to",
                    subject: .volume(name.text.printable))
            }
            try requireFile(named, name)
            let file = try folder.open(name.text, flags)
            let status = try file.status()
            try requireFile(status, name)
            try compare(status, in: folder, with: volume)
            return file
        } catch  where error.code == .notFound {
            throw missing(name.text)
        }
    }

    private func requireFile(_ status: FileStatus, _ name: FileName) throws(StorageError) {
        guard status.kind == .file else {
            throw StorageError(
                .unsupported, "'\(name.text.printable)' isn't a file, so it has no data of its own",
                subject: .volume(name.text.printable))
        }
    }

    /// A name is a label: inode, handle and time of birth say whether it is still the same file.
    func compare(_ status: FileStatus, in folder: OpenFile, with volume: Volume) throws(StorageError) {
        guard let listed = volume.file else { return }
        guard status.identity(on: try FileSystem(of: folder)).isSame(as: listed) else { throw changed(volume) }
    }

    /// The same for a link, which is listed as what it leads to.
    func compareLink(_ name: FileName, in folder: OpenFile, with volume: Volume) throws(StorageError) {
        guard let listed = volume.file else { return }
        var reader = FileReader(folder: folder, system: try FileSystem(of: folder))
        let now = reader.volume(named: name.text)
        // One that led nowhere is listed as what it led to before.
        if !volume.problems.isEmpty, now?.problems.isEmpty == false { return }
        guard now?.file?.isSame(as: listed) == true else { throw changed(volume) }
    }

    private func changed(_ volume: Volume) -> StorageError {
        StorageError(
            .invalidState, "'\(volume.name.printable)' isn't the file that was listed any more: refresh the pool",
            subject: .volume(volume.name.printable))
    }

    /// - Throws: `invalid_argument` where the user's end of a transfer is the volume's own file.
    func requireOther(_ end: OpenFile, than file: OpenFile, _ volume: Volume) throws(StorageError) {
        let (own, other) = (try file.status(), try end.status())
        guard other.kind == .file, (own.device, own.inode) == (other.device, other.inode) else { return }
        throw StorageError(
            .invalidArgument, "'\(end.path.printable)' is the file of volume '\(volume.name.printable)' itself",
            subject: .volume(volume.name.printable))
    }

    /// Refuses an image that somebody works on: before its bytes change under a guest, and before its header is believed, as what a guest writes
    /// could be another one.
    ///
    /// QEMU's locks are seen by every user, other programs only where procfs shows them.
    ///
    /// - Parameter forWriting: whether whoever has it open for writing is in the way, or QEMU only.
    /// - Throws: `busy` with who it is.
    func requireUnused(_ file: OpenFile, _ volume: Volume, forWriting: Bool) throws(StorageError) {
        if forWriting {
            let name = "'\(volume.name.printable)'"
            let users = try FileUsers.writers(of: name, openAt: file.descriptor, on: host)
            if !users.isEmpty { throw DeviceUse.refusal(of: name, users, subject: .volume(volume.name.printable)) }
        }
        guard san_image_in_use(file.descriptor, forWriting ? 1 : 0) == 1 else { return }
        throw StorageError(
            .busy, "'\(volume.name.printable)' is in use by a virtual machine, or a program of QEMU: stop that first",
            subject: .volume(volume.name.printable))
    }

    /// Reads an image as ``ImageFilePool`` says; QEMU's locks tell who writes, and the file's time who has written.
    func readSteadily<Value: Sendable>(
        _ volume: Volume, in context: OperationContext, _ read: () async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        func status(_ context: OperationContext, since before: FileStatus?) async throws(StorageError) -> FileStatus {
            try await blocking(context) { () throws(StorageError) in
                try restingStatus(of: try openListed(volume, FileFlags.read), volume, since: before)
            }
        }
        let before = try await status(context, since: nil)
        let value = try await read()
        _ = try await status(context.renewed, since: before)
        return value
    }

    /// The status of an image that nobody writes to, nor has written to since an earlier one.
    ///
    /// - Throws: `busy`.
    func restingStatus(
        of file: OpenFile, _ volume: Volume, since before: FileStatus?
    ) throws(StorageError) -> FileStatus {
        try requireUnused(file, volume, forWriting: false)
        let status = try file.status()
        guard let before else { return status }
        guard status.size == before.size, status.timestamps.modification == before.timestamps.modification else {
            throw StorageError(
                .busy,
                "'\(volume.name.printable)' was written to while it was read, so what was read is no image: see who uses it, and try again",
                subject: .volume(volume.name.printable))
        }
        return status
    }

    /// The image in a volume's file that is open, or in a copy of it.
    ///
    /// - Throws: as ``ImageHeader/of(_:)``.
    func image(of file: OpenFile, _ volume: Volume) throws(StorageError) -> (header: ImageHeader, status: FileStatus) {
        let folder = try open()
        var reader = FileReader(folder: folder, system: try FileSystem(of: folder))
        let (header, status) = try reader.image(of: file, name: volume.name)
        return (try header.of(volume), status)
    }
}
