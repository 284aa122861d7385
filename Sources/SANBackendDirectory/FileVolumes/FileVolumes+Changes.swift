import CLinux
public import SANEngine
import SANHost
import SANImages
public import SANModel
import SystemPackage

extension FileVolumes {
    /// Changes the capacity of a volume.
    ///
    /// - Throws: `busy` for an image that is in use, but for one of raw data that grows; `unsupported` for formats that have one size for ever;
    ///   `not_found`, `invalid_state`.
    public func resize(
        _ volume: Volume, to request: ResizeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        let step = try await TransferMonitor.run(on: subject(volume), in: context) { monitor throws(StorageError) in
            try resizeInPlace(volume, to: request, monitor)
        }
        switch step {
        case .done(let change): return change
        case .program(var resize, let file, let zeros):
            try await lending(zeros, context) { backing async throws(StorageError) in
                resize.backing = backing
                try await self.resize(volume, file, resize, in: context)
            }
            return .changed(try await inspect(volume, in: context.renewed))
        }
    }

    /// Has the file changed that was judged, also where another one has its name by now.
    private func resize(
        _ volume: Volume, _ file: OpenFile, _ resize: QemuImg.Resize, in context: OperationContext
    ) async throws(StorageError) {
        let passphrase = try await context.passphrase(of: volume, for: resize)
        defer { withExtendedLifetime(file) {} }
        let place = try file.shared()
        do throws(StorageError) {
            try await QemuImg(commands: commands).resize(
                .file(place), resize, passphrase: passphrase, until: resize.allocates ? .never : context.deadline)
        } catch {
            guard error.subject.values[.tool] != nil else { throw error }
            var said = error
            said.message = "'\(volume.name.printable)' wasn't resized: \(error.message)"
            throw said
        }
    }

    private enum ResizeStep {
        case done(Change<Volume>)
        /// With the image's file, and what stands in for the backing file while the program runs.
        case program(QemuImg.Resize, OpenFile, Staging?)
    }

    private func resizeInPlace(
        _ volume: Volume, to request: ResizeRequest, _ monitor: TransferMonitor
    ) throws(StorageError) -> ResizeStep {
        let file = try monitor.asking { () throws(StorageError) in try openListed(volume, FileFlags.readWrite) }
        var (header, status) = try image(of: file, volume)
        if [.qcow2, "qed"].contains(header.format) {
            // Believed only as read while no guest writes to it: QEMU opens what it names.
            try requireUnused(file, volume, forWriting: true)
            (header, status) = try image(of: file, volume)
        }
        try header.refuseExternalData(of: volume)
        switch try header.resizing(of: volume, withBytes: status.size, to: request) {
        case .none: return .done(.unchanged(try inspect(volume)))
        case .file(let size):
            // To whoever has it open a file that grows is as it was; the bytes that are cut off are gone.
            if size < status.size { try requireUnused(file, volume, forWriting: true) }
            if request.allocates, size > status.size {
                var growth = FileGrowth(of: file, from: status.size, to: size, monitor)
                try growth.run()
            } else {
                try monitor.asking { () throws(StorageError) in
                    // Another host may have made it longer, and written there.
                    guard try file.status().size == status.size else {
                        throw StorageError(
                            .busy,
                            "The size of '\(volume.name.printable)' was changed meanwhile: refresh the pool and look again",
                            subject: .volume(volume.name.printable))
                    }
                    try file.truncate(to: size)
                }
            }
            return .done(.changed(try inspect(volume)))
        case .image(let resize):
            return .program(resize, file, resize.shrinks ? nil : try zeros(toGrow: header, named: volume.name))
        }
    }

    /// Removes a volume: a file, a link, or an empty folder.
    ///
    /// - Throws: `invalid_state` for a folder that isn't empty and where another file has taken the name, `invalid_argument` for a file
    ///   whose name no volume can have.
    public func delete(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Change<Void> {
        try await blocking(context) { () throws(StorageError) in
            // It is listed under another name than its own: not to find it doesn't mean that it is gone.
            if let unusable = volume.problems.first(where: { $0.code == .invalidArgument }) {
                throw StorageError(unusable.code, unusable.message, subject: unusable.subject)
            }
            let name = try FileName(volume.name)
            let folder = try open()
            do throws(StorageError) {
                let status = try folder.status(of: name.text)
                if status.kind == .link {
                    try compareLink(name, in: folder, with: volume)
                } else {
                    try compare(status, in: folder, with: volume)
                }
                // Between this look and the next call another file can take the name, as there is no unlink of what is open. To move it into
                // a private folder first would leave it there when we are killed, for the next sweep to remove.
                let isFolder = status.kind == .folder
                let removed = unsafe san_file_remove(folder.descriptor, name.text, isFolder ? 1 : 0)
                try check(removed, cannot: "delete", folder.path(of: name.text))
                return .changed(())
            } catch  where error.code == .notFound {
                return .unchanged(())
            }
        }
    }
}
