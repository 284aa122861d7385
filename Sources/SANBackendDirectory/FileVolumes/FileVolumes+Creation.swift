import CLinux
public import SANEngine
import SANHost
import SANImages
public import SANModel
import SystemPackage

extension FileVolumes {
    /// Makes a volume: empty, or filled from another.
    ///
    /// - Throws: `already_exists`, `invalid_argument`, `unsupported`, `unavailable` where `qemu-img` is missing.
    public func create(_ request: VolumeRequest, in context: OperationContext) async throws(StorageError) -> Volume {
        let plan = try CreationPlan(request)
        let passphrase = try await context.passphrase(of: plan)
        let staging = try await blocking(context) { () throws(StorageError) in try stage(plan) }
        do throws(StorageError) {
            if let origin = request.origin {
                try await fill(staging, plan, from: origin, passphrase, in: context)
            } else {
                try await make(staging, plan, passphrase, in: context)
            }
            // A volume that has its name is there: from here on nobody is told that it was cancelled.
            if Task.isCancelled {
                throw StorageError(.cancelled, "Cancelled before '\(plan.name.text.printable)' got its name")
            }
            // The data may have taken longer than the operation's deadline.
            let context = context.renewed
            return try await shielded { () async throws(StorageError) in
                try await blocking(context) { () throws(StorageError) in
                    defer { staging.end() }
                    return try publish(staging, plan)
                }
            }
        } catch {
            // A thread that was given up on may still write there: the folder then goes with its last user.
            if error.code != .timedOut { await end(staging, context) }
            guard error.subject.values[.tool] != nil else { throw error }
            var said = error
            said.message = "'\(path.printable)/\(plan.name.text.printable)' wasn't made: \(error.message)"
            throw said
        }
    }

    /// Removes a private folder, unless its storage hangs; also where this task was cancelled, whose own waits end at once.
    private func end(_ staging: Staging, _ context: OperationContext) async {
        let removal = Task {
            // What can't be removed now is swept later.
            try? await blocking(context.renewed) { () throws(StorageError) in staging.end() }  // see above
        }
        await removal.value
    }

    /// Runs a program with what stands in for a backing file, which is removed afterwards.
    func lending<Value>(
        _ standIn: Staging?, _ context: OperationContext,
        _ body: (QemuImg.StandIn) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        guard let standIn else { return try await body(.none) }
        do throws(StorageError) {
            let value = try await body(.zeros(path(standIn, Staging.origin)))
            await end(standIn, context)
            return value
        } catch {
            await end(standIn, context)
            throw error
        }
    }

    private func stage(_ plan: CreationPlan) throws(StorageError) -> Staging {
        let folder = try open()
        do throws(StorageError) {
            _ = try folder.status(of: plan.name.text)
        } catch  where error.code == .notFound {
            return try Staging(in: folder, for: plan.name.text)
        }
        throw Staging.exists(plan.name, in: folder)
    }

    /// The path of a staged file, for programs.
    func path(_ staging: Staging, _ name: String = Staging.volume) -> FilePath {
        location.appending(staging.name).appending(name)
    }

    private func make(
        _ staging: Staging, _ plan: CreationPlan, _ passphrase: SecretBytes?, in context: OperationContext
    ) async throws(StorageError) {
        switch plan.kind {
        case .folder:
            try await blocking(context) { () throws(StorageError) in
                let made = unsafe san_folder_make(staging.folder.descriptor, Staging.volume, 0o700)
                try check(made, cannot: "make a folder in", path)
            }
        case .raw(let allocation):
            let capacity = try plan.requiredCapacity
            try await TransferMonitor.run(on: "the new volume", in: context) { monitor throws(StorageError) in
                let file = try monitor.asking { () throws(StorageError) in
                    let file = try staging.makeFile()
                    try setCopyOnWrite(of: file, plan)
                    try file.truncate(to: capacity.bytes)
                    return file
                }
                // The file is new and private: it has no bytes that zeros could take the place of.
                let count = min(allocation ?? capacity, capacity).bytes
                if try !file.reserve(0, count, monitor) {
                    try file.writeZeros(0, count, monitor)
                    // Shares may tell only then that there was no space.
                    try monitor.asking { () throws(StorageError) in try file.sync() }
                }
            }
        case .image(let format, let options):
            let capacity: ByteCount
            if let given = plan.capacity {
                capacity = given
            } else {
                capacity = try await blocking(context) { () throws(StorageError) in try backingCapacity(plan) }
            }
            try await QemuImg(commands: commands).create(
                path(staging), format: format, options: options, backing: plan.backing, capacity: capacity,
                passphrase: passphrase, until: plan.isPreallocated ? .never : context.deadline)
        case .copy:
            throw StorageError(.unsupported, "A \(plan.format) volume can only be copied from another one")
        }
    }

    /// The capacity of the file that the administrator has named as backing store, read as what they say it is.
    private func backingCapacity(_ plan: CreationPlan) throws(StorageError) -> ByteCount {
        guard let backing = plan.backing else { return try plan.requiredCapacity }
        let resolved = FilePath(BackingName.resolve(backing.name, in: location.string))
        let folder = try OpenFile.folder(
            resolved.removingLastComponent(), shownAs: resolved.removingLastComponent().string)
        guard let name = resolved.lastComponent?.string else { return try plan.requiredCapacity }
        let file = try folder.openBeneath(name, FileFlags.read)
        var reader = FileReader(folder: folder, system: try FileSystem(of: folder))
        let (header, status) = try reader.image(of: file, name: name)
        if backing.format == "raw" { return ByteCount(status.size) }
        guard header.format.driver == backing.format, let capacity = header.capacity else {
            throw StorageError(
                .invalidArgument, "The backing store '\(resolved.string.printable)' isn't a \(backing.format) image",
                subject: .path(resolved.string.printable))
        }
        return capacity
    }

    /// Gives the volume its owner, mode and label, and then its name.
    private func publish(_ staging: Staging, _ plan: CreationPlan) throws(StorageError) -> Volume {
        let file = try staging.folder.open(Staging.volume, FileFlags.read)
        let permissions = plan.definition.target.permissions ?? Permissions()
        let isLabelled = try file.apply(permissions, defaultMode: plan.kind == .folder ? 0o711 : 0o600)
        let status = try file.status()
        try staging.publish(as: plan.name)
        let identity = status.identity(on: try FileSystem(of: staging.folder))
        var volume = try inspect(plan.made(size: status.size, file: identity))
        if !isLabelled {
            volume.problems.append(
                Problem(
                    code: .unsupported,
                    message: "The label wasn't set: this kernel has no SELinux, or the file system no labels",
                    subject: .volume(plan.name.text)))
        }
        return volume
    }

    func setCopyOnWrite(of file: OpenFile, _ plan: CreationPlan) throws(StorageError) {
        guard plan.definition.target.noCopyOnWrite else { return }
        guard try FileSystem(of: file).isBtrfs else {
            throw StorageError(
                .unsupported, "<nocow/> is for btrfs, and '\(path.printable)' is on another file system",
                subject: .volume(plan.name.text))
        }
        try check(san_file_set_no_copy_on_write(file.descriptor, 1), cannot: "turn copy-on-write off for", file.path)
    }
}
