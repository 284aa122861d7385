public import SANEngine
import SANHost
import SANImages
public import SANModel

extension GlusterPool: VolumeEncryption {
    public func path(ofNew name: String) -> String { source.uri(of: name) }

    /// Makes a volume: a folder, a raw file, an image that `qemu-img` makes, or a copy of a volume as it is.
    ///
    /// It gets its name when it is whole.
    ///
    /// - Throws: `already_exists`, `invalid_argument` (for an absolute path of a backing file too), `unsupported`, `unavailable` where `qemu-img` is missing or a brick is down.
    public func createVolume(
        _ request: VolumeRequest, in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        let plan = try CreationPlan(request)
        let name = try StagingName.checked(plan.name.text)
        guard !plan.definition.target.noCopyOnWrite else {
            throw StorageError(.unsupported, "<nocow/> is for btrfs, not for Gluster", subject: .volume(name))
        }
        if let origin = request.origin {
            let copy = try await makeCopy(name, plan, of: origin, context)
            return .changed(await inspect(made: copy, in: context))
        }
        try refuseLocalBacking(plan)
        let made: Volume
        switch plan.kind {
        case .folder:
            made = try await makeFolder(name, plan, context)
        case .raw(let allocation):
            let capacity = try plan.requiredCapacity
            made = try await publish(name, plan, context) { staging throws(StorageError) in
                try await call("the size", context) { _ throws(StorageError) in
                    try staging.file.truncate(to: capacity.bytes)
                }
                try await allocate(new: 0..<min(allocation ?? capacity, capacity).bytes, of: staging.file, context)
            }
        case .image(let format, let options):
            made = try await makeImage(name, plan, format, options, context)
        case .copy:
            throw StorageError(
                .unsupported, "A \(plan.format) volume can only be copied from another one", subject: .volume(name))
        }
        return .changed(await inspect(made: made, in: context))
    }

    /// Looks at what was just made.
    ///
    /// - Returns: where that fails, what is known of it, with the problem: whoever is told of a failure makes it again.
    func inspect(made: Volume, in context: OperationContext) async -> Volume {
        do throws(StorageError) {
            return try await inspect(made, after: "made", in: context)
        } catch {
            var unseen = made
            let uri = source.uri(of: made.name)
            unseen.definition.type = made.definition.target.format == .directory ? .netdir : .network
            unseen.definition.key = uri
            unseen.definition.target.path = uri
            unseen.problems.append(
                Problem(
                    code: error.code,
                    message: "It was made, and couldn't be looked at after that: refresh the pool. \(error.message)",
                    subject: .volume(made.name.printable)))
            return unseen
        }
    }

    private func makeFolder(
        _ name: String, _ plan: CreationPlan, _ context: OperationContext
    ) async throws(StorageError) -> Volume {
        let (source, permissions) = (source, plan.definition.target.permissions ?? Permissions())
        let effect = naming(name)
        return try await call("the new folder", context, effect) { volume throws(StorageError) in
            try Staging.refuse(name, of: source, on: volume)
            let path = source.path(of: name)
            try effect.begin()
            try volume.makeFolder(path, mode: 0o700)
            do throws(StorageError) {
                try volume.apply(permissions, defaultMode: 0o711, to: path)
                return plan.made(size: 0, file: try volume.status(of: path).identity)
            } catch {
                do throws(StorageError) {
                    try effect.begin()
                    try volume.removeFolder(path)
                } catch let undo {
                    throw error.adding(cause: undo)
                }
                throw error
            }
        }
    }

    /// What gets its own name keeps it, also where that comes late: another host may use it by then.
    private func naming(_ name: String) -> Effect {
        let uri = source.uri(of: name)
        return Effect(
            possible: "'\(uri)' may still be made: refresh the pool",
            certain: "'\(uri)' was made all the same: refresh the pool")
    }

    /// Has a file made under a name that no volume has, and then gives it its own.
    ///
    /// - Returns: what it was made as.
    func publish(
        _ name: String, _ plan: CreationPlan, _ context: OperationContext,
        _ fill: (Staging) async throws(StorageError) -> Void
    ) async throws(StorageError) -> Volume {
        let permissions = plan.definition.target.permissions ?? Permissions()
        let staging = try await makeStaging(name, context)
        do throws(StorageError) {
            try await fill(staging)
            // The data may have taken longer than the operation's deadline.
            let effect = naming(name)
            return try await call("the new file", context.renewed, effect) { volume throws(StorageError) in
                let status = try staging.file.status()
                try staging.publish(as: name, permissions, on: volume, effect)
                return plan.made(size: status.size, file: status.identity)
            }
        } catch {
            throw await discard(staging, after: error, context)
        }
    }

    /// A file under a name that no volume has.
    func makeStaging(_ name: String, _ context: OperationContext) async throws(StorageError) -> Staging {
        let source = source
        let effect = Effect(
            possible:
                "A file '\(source.uri(of: StagingName.beginning(for: name)))…' may still be made; the next refresh removes it"
        )
        return try await call(
            "the new file", context, effect,
            undoing: { staging, volume in
                try? staging.discard(on: volume)  // what is left is swept later
            }
        ) { volume throws(StorageError) in
            try effect.begin()
            return try Staging(for: name, of: source, on: volume)
        }
    }

    /// Removes what a failed or cancelled creation has made: at once, or when the call that is out has come back and this process lives.
    ///
    /// - Returns: the error, with what is left.
    func discard(
        _ staging: Staging, after error: StorageError, _ context: OperationContext
    ) async -> StorageError {
        do throws(StorageError) {
            try await discard(staging, context)
            return error
        } catch let undo {
            return error.adding(cause: undo)
        }
    }

    /// - Throws: what is left, and why.
    func discard(_ staging: Staging, _ context: OperationContext) async throws(StorageError) {
        do throws(StorageError) {
            try await takeBack("the unfinished file", context) { volume throws(StorageError) in
                try staging.discard(on: volume)
            }
        } catch {
            let uri = staging.file.uri.printable
            throw StorageError(
                error.code, "The unfinished file '\(uri)' is left; the next refresh removes it", subject: .path(uri),
                causes: [error])
        }
    }

    /// Has the bricks take the space of a range, a piece at a time; what the range has stays.
    ///
    /// - Parameter keepingLength: whether the file stays as long as it is, and the space is behind its end.
    /// - Returns: false where the bricks' file systems can't promise space, as ZFS and ext3 can't.
    func reserve(
        _ range: Range<UInt64>, of file: GlusterFile, keepingLength: Bool = false, _ context: OperationContext
    ) async throws(StorageError) -> Bool {
        var lower = range.lowerBound
        while lower < range.upperBound {
            let piece = lower..<min(range.upperBound, lower + GlusterPool.allocationPiece)
            do throws(StorageError) {
                try await call("the space", context.renewed) { _ throws(StorageError) in
                    try file.allocate(piece, keepingLength: keepingLength)
                }
            } catch  where error.code == .unsupported {
                return false
            }
            lower = piece.upperBound
        }
        return true
    }

    /// Gives a new file, which nobody has written to yet, its space: zeros, where the bricks can't promise any.
    func allocate(
        new range: Range<UInt64>, of file: GlusterFile, _ context: OperationContext
    ) async throws(StorageError) {
        guard try await !reserve(range, of: file, context) else { return }
        var lower = range.lowerBound
        while lower < range.upperBound {
            let piece = lower..<min(range.upperBound, lower + GlusterPool.zeroPiece)
            try await call("the space", context.renewed) { _ throws(StorageError) in
                let zeros = TransferBuffer(count: 1 << 20)
                var position = piece.lowerBound
                while position < piece.upperBound {
                    let count = Int(min(piece.upperBound - position, UInt64(zeros.count)))
                    try file.write(zeros, 0..<count, at: position)
                    position += UInt64(count)
                }
            }
            lower = piece.upperBound
        }
    }

    /// What one call allocates, and what is written where there is no such call: little enough to end within any patience.
    static let allocationPiece: UInt64 = 4 << 30
    private static let zeroPiece: UInt64 = 32 << 20

    private func makeImage(
        _ name: String, _ plan: CreationPlan, _ format: String, _ options: [String], _ context: OperationContext
    ) async throws(StorageError) -> Volume {
        let capacity = try await capacity(of: plan, context)
        let passphrase = try await context.passphrase(of: plan)
        return try await withDraft(context) { draft throws(StorageError) in
            try await publish(name, plan, context.renewed) { staging throws(StorageError) in
                try await fill(staging, with: plan, format, options, capacity, passphrase, draft, context.renewed)
            }
        }
    }

    /// The header would name a file of whichever host runs QEMU.
    private func refuseLocalBacking(_ plan: CreationPlan) throws(StorageError) {
        guard let backing = plan.backing, backing.name.hasPrefix("/") else { return }
        throw StorageError(
            .invalidArgument,
            "The backing store '\(backing.name.printable)' would be a file of the host that runs QEMU, and none of the Gluster volume: give the name relative to the pool's folder",
            subject: .volume(plan.name.text))
    }

    /// The document's, else that of the backing file, which must be a file of this pool then.
    private func capacity(of plan: CreationPlan, _ context: OperationContext) async throws(StorageError) -> ByteCount {
        if let capacity = plan.capacity { return capacity }
        guard let backing = plan.backing else { return try plan.requiredCapacity }
        let path = BackingName.resolve(backing.name, in: source.path)
        let prefix = source.folder.isEmpty ? "/" : source.path + "/"
        guard path.hasPrefix(prefix) else {
            throw StorageError(
                .invalidArgument,
                "The size of the backing file '\(path.printable)' isn't known here: give a <capacity>",
                subject: .path(path.printable))
        }
        let definition = try await inspect(String(path.dropFirst(prefix.count)), in: context).definition
        guard let length = definition.length(as: VolumeFormat(rawValue: backing.format)) else {
            throw StorageError(
                .invalidArgument, "The backing store '\(path.printable)' isn't a \(backing.format) image",
                subject: .path(path.printable))
        }
        return length
    }

    /// Lends a private folder of this host.
    func withDraft<Value: Sendable>(
        _ context: OperationContext, _ body: (ImageDraft) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        // What it is for may have taken longer than the operation's deadline.
        let draft = try await ImageDraft.make(on: host, until: context.renewed.deadline)
        let result: Result<Value, StorageError>
        do throws(StorageError) {
            result = .success(try await body(draft))
        } catch {
            result = .failure(error)
        }
        await draft.remove()
        return try result.get()
    }

    /// Has `qemu-img` make an empty image in a private folder of this host, and moves what is in it: tables, no data.
    ///
    /// QEMU's own way to Gluster ends with `glfs_fini`, which takes ten seconds.
    func fill(
        _ staging: Staging, with plan: CreationPlan, _ format: String, _ options: [String], _ capacity: ByteCount,
        _ passphrase: SecretBytes?, _ draft: ImageDraft, _ context: OperationContext
    ) async throws(StorageError) {
        let file = staging.file
        let takesSpace = options.contains("preallocation=falloc")
        let options = options.map { $0 == "preallocation=falloc" ? "preallocation=metadata" : $0 }
        try await QemuImg(commands: commands).create(
            draft.image, format: format, options: options, backing: plan.backing, capacity: capacity,
            passphrase: passphrase, until: plan.isPreallocated ? .never : context.deadline)
        let end = try await draft.opened()
        let size = end.size.map { UInt64(max(0, $0)) } ?? 0
        _ = try await GlusterAccess.transfer(file, size: .max, named: plan.name.text).upload(
            end, TransferRequest(isSparse: true), length: size, in: context.renewed.silent)
        let whole = try await roundUp(file, size, context.renewed)
        // Where the bricks can't, it stays sparse.
        if takesSpace { _ = try await reserve(0..<whole, of: file, context) }
    }

    /// QEMU reads whole sectors, and Gluster has none behind the end (QEMU 7.2: "Could not read L1 table").
    ///
    /// - Returns: the size in whole sectors.
    @discardableResult
    func roundUp(_ file: GlusterFile, _ size: UInt64, _ context: OperationContext) async throws(StorageError) -> UInt64
    {
        let whole = (size + 511) / 512 * 512
        if whole > size {
            try await call("the size", context) { _ throws(StorageError) in try file.truncate(to: whole) }
        }
        return whole
    }

    /// Removes a volume: a file, a link, or an empty folder.
    ///
    /// Snapshots inside of a qcow2 file go with it.
    ///
    /// - Throws: `invalid_state` for a folder that isn't empty and where another file has taken the name, `invalid_argument` for a file
    ///   whose name no volume can have.
    public func deleteVolume(
        _ volume: Volume, deletingSnapshots: Bool, in context: OperationContext
    ) async throws(StorageError) -> Change<Void> {
        // It is listed under another name than its own: not to find it doesn't mean that it is gone.
        if let unusable = volume.problems.first(where: { $0.code == .invalidArgument }) {
            throw StorageError(unusable.code, unusable.message, subject: unusable.subject)
        }
        let name = try StagingName.checked(volume.name)
        let source = source
        let effect = Effect(
            possible: "'\(source.uri(of: name))' may still be deleted: refresh the pool",
            certain: "'\(source.uri(of: name))' was deleted all the same: refresh the pool")
        return try await call("the file '\(name)'", context, effect) { connected throws(StorageError) in
            let path = source.path(of: name)
            do throws(StorageError) {
                let status = try connected.status(of: path)
                // A link is listed as what it leads to.
                try source.compare(status.kind == .link ? try target(of: path, on: connected) : status, with: volume)
                try effect.begin()
                if status.kind == .folder { try connected.removeFolder(path) } else { try connected.remove(path) }
                return .changed(())
            } catch  where error.code == .notFound {
                return .unchanged(())
            }
        }
    }

    /// - Throws: `invalid_state` where the link leads nowhere any more, which isn't that the link is gone.
    private func target(of link: String, on connected: GlusterVolume) throws(StorageError) -> GlusterStatus {
        do throws(StorageError) {
            return try connected.status(of: link, following: true)
        } catch  where error.code == .notFound {
            throw StorageError(
                .invalidState,
                "'\(link.printable)' leads to a file that isn't there any more: refresh the pool, and remove the link by hand",
                subject: .path(link.printable), causes: [error])
        }
    }
}

extension GlusterSource {
    /// Opens the file of a volume that was listed, after making sure that it is still that file.
    ///
    /// - Throws: `not_found`, `unsupported` for a link and for a folder, `invalid_state` where another file has taken its name.
    func openListed(_ volume: Volume, writing: Bool, on connected: GlusterVolume) throws(StorageError) -> GlusterFile {
        let name = try StagingName.checked(volume.name)
        do throws(StorageError) {
            let named = try connected.status(of: path(of: name))
            guard named.kind == .file else {
                throw StorageError(
                    .unsupported,
                    named.kind == .link
                        ? "'\(name)' is a link: use the volume that it leads to"
                        : "'\(name)' isn't a file, so it has no data of its own",
                    subject: .volume(name))
            }
            let file = try connected.open(path(of: name), writing: writing)
            try compare(try file.status(), with: volume)
            return file
        } catch  where error.code == .notFound {
            throw missing(name)
        }
    }

    /// A name is a label: the number made of the gfid says whether it is still the same file.
    func compare(_ status: GlusterStatus, with volume: Volume) throws(StorageError) {
        guard let listed = volume.file, !status.identity.isSame(as: listed) else { return }
        throw StorageError(
            .invalidState, "'\(volume.name.printable)' isn't the file that was listed any more: refresh the pool",
            subject: .volume(volume.name.printable))
    }
}
