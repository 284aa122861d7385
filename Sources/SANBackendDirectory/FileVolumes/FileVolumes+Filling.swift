import SANEngine
import SANHost
import SANImages
import SANModel
import SystemPackage

/// Filling a new volume from another one.
extension FileVolumes {
    func fill(
        _ staging: Staging, _ plan: CreationPlan, from origin: VolumeRequest.Origin, _ passphrase: SecretBytes?,
        in context: OperationContext
    ) async throws(StorageError) {
        if case .folder = plan.kind {
            throw StorageError(.unsupported, "A folder can't be filled from a volume", subject: .volume(plan.name.text))
        }
        guard plan.backing == nil || plan.backingIsInherited(from: origin.volume) else {
            throw StorageError(
                .unsupported, "A copy stands on what its origin stands on: leave <backingStore> out",
                subject: .volume(plan.name.text))
        }
        if let pool = origin.pool as? any FileVolumePool {
            try await fill(staging, plan, from: origin.volume, of: pool.files, passphrase, in: context)
        } else if let pool = origin.pool as? any VolumeData {
            try await fill(staging, plan, from: origin.volume, through: pool, passphrase, in: context)
        } else {
            throw StorageError(
                .unsupported, "The data of '\(origin.volume.name.printable)' can't be read through its pool",
                subject: .volume(origin.volume.name.printable))
        }
    }

    /// From a file of this host: copied as it is, or converted.
    private func fill(
        _ staging: Staging, _ plan: CreationPlan, from origin: Volume, of files: FileVolumes,
        _ passphrase: SecretBytes?, in context: OperationContext
    ) async throws(StorageError) {
        let (file, header, status) = try await blocking(context) { () throws(StorageError) in
            let file = try files.openListed(origin, FileFlags.read)
            let (header, status) = try files.image(of: file, origin)
            return (file, header, status)
        }
        let place = files.location == location ? OriginPlace.here : .otherFolder
        guard try keepsBytes(plan, origin, header, status.size, place) else {
            return try await convert(file, header, status.size, origin, staging, plan, passphrase, in: context)
        }
        let copied = try await TransferMonitor.run(on: "'\(plan.name.text.printable)'", in: context) {
            monitor throws(StorageError) in
            let copy = try monitor.asking { () throws(StorageError) in
                let copy = try staging.makeFile()
                try setCopyOnWrite(of: copy, plan)
                return copy
            }
            // Tables and data of different moments are no image, and the bytes of a guest are. Shared blocks are all of one moment.
            var before: FileStatus?
            let isShared = try FileCopy.copy(file, to: copy, monitor) { () throws(StorageError) in
                if header.hasTables { before = try files.restingStatus(of: file, origin, since: nil) }
            }
            if let before { _ = try files.restingStatus(of: file, origin, since: before) }
            // A guest may have changed the header since it was judged, and another host the size; in the copy they can't.
            let (header, status) = try files.image(of: copy, origin)
            try header.refuseExternalData(of: origin)
            try plan.requireSecret(of: origin, header)
            guard plan.copies(header) else { throw FrozenHeader.changed(origin) }
            if case .raw(let wanted?) = plan.kind, wanted.bytes >= status.size, !isShared {
                // Where no space can be promised the copy keeps the holes of its origin.
                _ = try copy.reserve(0, status.size, monitor)
            }
            return Filled(header, size: status.size)
        }
        try await grow(staging, plan, copied, in: context)
    }

    /// From another pool, through which its bytes are read: raw ones, or those of an image in a file of another machine.
    private func fill(
        _ staging: Staging, _ plan: CreationPlan, from origin: Volume, through pool: any VolumeData,
        _ passphrase: SecretBytes?, in context: OperationContext
    ) async throws(StorageError) {
        try origin.requireKnownFormat()
        let listed = origin.definition.listedHeader
        let keepsBytes = try keepsBytes(
            plan, origin, listed, origin.definition.capacity?.bytes ?? .max, .elsewhere)
        let name = keepsBytes ? Staging.volume : Staging.origin
        let file = try await blocking(context) { () throws(StorageError) in
            let file = try staging.makeFile(name)
            try setCopyOnWrite(of: file, plan)
            return file
        }
        let sink = DataEnd(
            descriptor: FileDescriptor(rawValue: file.descriptor), isSeekable: true, name: file.path)
        var isSparse = true
        if case .raw(let wanted) = plan.kind, keepsBytes {
            isSparse = wanted.map { $0 < origin.definition.capacity ?? 0 } ?? false
        }
        let transfer = TransferRequest(isSparse: isSparse)
        let summary: TransferSummary
        if listed.hasTables, let images = pool as? any ImageFilePool {
            summary = try await images.readSteadily(origin, in: context) { () async throws(StorageError) in
                try await pool.download(origin, to: sink, transfer, in: context)
            }
        } else {
            summary = try await pool.download(origin, to: sink, transfer, in: context)
        }
        let (header, size) = try await blocking(context.renewed) { () throws(StorageError) in
            try file.sync()
            // What a guest writes to a raw volume is data, also where it looks like an image.
            if listed.spansFile { return (listed, summary.bytes.bytes) }
            let (header, status) = try image(of: file, origin)
            return (header, status.size)
        }
        let stillKeepsBytes = try self.keepsBytes(plan, origin, header, size, .elsewhere)
        guard keepsBytes else {
            return try await convert(
                file, header, size, origin, staging, plan, passphrase, in: context.renewed)
        }
        guard stillKeepsBytes else { throw FrozenHeader.changed(origin) }
        try await grow(staging, plan, Filled(header, size: size), in: context)
    }

    /// Where the origin's file is, and so what it stands on.
    private enum OriginPlace {
        case here
        case otherFolder
        case elsewhere
    }

    /// Whether the origin's bytes as they are make the volume, rather than what `qemu-img` makes of them.
    ///
    /// - Parameter size: of the origin's file.
    /// - Throws: `unsupported` for what can be neither, and where the copy couldn't get the capacity that was asked for.
    private func keepsBytes(
        _ plan: CreationPlan, _ origin: Volume, _ header: ImageHeader, _ size: UInt64, _ place: OriginPlace
    ) throws(StorageError) -> Bool {
        func refused(_ why: String) -> StorageError {
            StorageError(
                .unsupported, "'\(origin.name.printable)' \(why)", subject: .volume(origin.name.printable))
        }
        try header.refuseExternalData(of: origin)
        try plan.requireSecret(of: origin, header)
        try requireGrowth(plan, Filled(header, size: size))
        if plan.copies(header) {
            guard let backing = header.backing else { return true }
            switch place {
            case .here: return true
            case .otherFolder:
                if backing.name.first == UInt8(ascii: "/") { return true }
                throw refused("names its backing file relative to its own folder: it can't be copied into another")
            case .elsewhere: throw refused("stands on a backing file, which its copy in another pool wouldn't find")
            }
        }
        guard header.backing == nil else {
            throw refused(
                "stands on a backing file, which sanctl doesn't open on an image's word: flatten it with 'qemu-img rebase' first"
            )
        }
        guard header.encryption == nil else {
            throw refused("is encrypted: it can be copied in its own format only")
        }
        try plan.requireConversion()
        return false
    }

    /// Has `qemu-img` make the volume of what is in a file.
    ///
    /// Conversions go on as long as they need: only the user ends them.
    private func convert(
        _ file: OpenFile, _ header: ImageHeader, _ size: UInt64, _ origin: Volume, _ staging: Staging,
        _ plan: CreationPlan, _ passphrase: SecretBytes?, in context: OperationContext
    ) async throws(StorageError) {
        let isFrozen = try await blocking(context) { () throws(StorageError) in
            try freeze(file, size, header, origin, in: staging)
        }
        var (target, options) = ("raw", [String]())
        if case .image(let format, let given) = plan.kind { (target, options) = (format, given) }
        // Open until QEMU is done: it is given the file that was judged, not what has its name by then.
        defer { withExtendedLifetime(file) {} }
        let conversion = QemuImg.Conversion(
            .file(try file.shared()), format: header.format.driver,
            frozen: isFrozen ? path(staging, Staging.frozen) : nil, to: .file(path(staging)), format: target,
            options: options)
        try await QemuImg(commands: commands).convert(conversion, passphrase: passphrase, until: .never)
        try await grow(staging, plan, Filled(header, size: size), in: context)
    }

    /// Keeps the header that was judged for QEMU, whatever a guest makes of it meanwhile.
    ///
    /// - Returns: false for raw data, which has none.
    private func freeze(
        _ file: OpenFile, _ size: UInt64, _ seen: ImageHeader, _ origin: Volume, in staging: Staging
    ) throws(StorageError) -> Bool {
        guard seen.format.driver != "raw" else { return false }
        try requireUnused(file, origin, forWriting: false)
        var bytes = [UInt8](repeating: 0, count: Int(min(size, UInt64(ImageHeader.longestHeader))))
        let count = try file.read(into: &bytes, at: 0)
        let frozen = try FrozenHeader(Array(bytes.prefix(count)), size: size, seen: seen, of: origin).overlay()
        try staging.makeFile(Staging.frozen).write(frozen, count: frozen.count, at: 0)
        return true
    }

    /// What the new volume was filled with.
    private struct Filled: Sendable {
        var header: ImageHeader
        var capacity: ByteCount

        /// - Parameter size: of the file.
        init(_ header: ImageHeader, size: UInt64) {
            self.header = header
            capacity = header.spansFile ? ByteCount(size) : header.capacity ?? 0
        }
    }

    /// Refuses what couldn't get the capacity that was asked for, before its data is copied.
    private func requireGrowth(_ plan: CreationPlan, _ filled: Filled) throws(StorageError) {
        guard let wanted = plan.capacity, wanted > filled.capacity else { return }
        let (what, remedy): (String, String)
        switch plan.kind {
        case .folder, .raw: return
        case .image("luks", _): (what, remedy) = ("A luks", "resize it afterwards")
        case .image(let format, _) where ImageResizing.formats.contains(VolumeFormat(rawValue: format)):
            guard filled.header.encryption != nil || plan.secret != nil else { return }
            (what, remedy) = ("An encrypted", "resize it afterwards")
        case .image, .copy: (what, remedy) = ("A \(plan.format)", "leave the capacity out, or copy it to qcow2")
        }
        throw StorageError(
            .unsupported,
            "\(what) copy has the capacity of its origin, which is \(filled.capacity): \(remedy)",
            subject: .volume(plan.name.text))
    }

    /// Gives the copy the capacity that was asked for, where that is more than its origin's.
    private func grow(
        _ staging: Staging, _ plan: CreationPlan, _ filled: Filled, in context: OperationContext
    ) async throws(StorageError) {
        guard let wanted = plan.capacity, wanted > filled.capacity else { return }
        try requireGrowth(plan, filled)
        let header = filled.header
        let context = context.renewed
        switch plan.kind {
        case .folder: return
        case .raw:
            try await blocking(context) { () throws(StorageError) in
                let file = try staging.folder.open(Staging.volume, FileFlags.readWrite)
                // QEMU has read the origin later than we have: what it found there isn't cut.
                guard try file.status().size < wanted.bytes else { return }
                try file.truncate(to: wanted.bytes)
            }
        case .image("luks", _), .copy: return
        case .image(let format, _):
            let standIn = try await blocking(context) { () throws(StorageError) -> Staging? in
                plan.copies(header) ? try zeros(toGrow: header, named: plan.name.text) : nil
            }
            try await lending(standIn, context) { backing async throws(StorageError) in
                let resize = QemuImg.Resize(
                    format: format, capacity: wanted, shrinks: false, allocates: false, isEncrypted: false,
                    backing: backing)
                try await QemuImg(commands: commands).resize(
                    .file(path(staging)), resize, passphrase: nil, until: context.deadline)
            }
        }
    }
}

/// A pool whose volumes are files of a folder: copies from it need no stream.
protocol FileVolumePool: ActivePool {
    var files: FileVolumes { get }
}
