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
        try header.refuseExternalData(of: origin)
        try plan.requireSecret(of: origin, header)
        try requireGrowth(plan, Filled(header, size: status.size))
        if plan.copies(header) {
            if files.location != location, let backing = header.backing, backing.name.first != UInt8(ascii: "/") {
                throw StorageError(
                    .unsupported,
                    "'\(origin.name.printable)' names its backing file relative to its own folder: it can't be copied into another",
                    subject: .volume(origin.name.printable))
            }
            let copied = try await TransferMonitor.run(on: "'\(plan.name.text.printable)'", in: context) {
                monitor throws(StorageError) in
                let copy = try monitor.asking { () throws(StorageError) in
                    let copy = try staging.makeFile()
                    try setCopyOnWrite(of: copy, plan)
                    return copy
                }
                let isShared = try FileCopy.copy(file, to: copy, monitor)
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
        } else {
            guard header.backing == nil else {
                throw StorageError(
                    .unsupported,
                    "'\(origin.name.printable)' stands on a backing file, which sanctl doesn't open on an image's word: flatten it with 'qemu-img rebase' first",
                    subject: .volume(origin.name.printable))
            }
            guard header.encryption == nil else {
                throw StorageError(
                    .unsupported, "'\(origin.name.printable)' is encrypted: it can be copied in its own format only",
                    subject: .volume(origin.name.printable))
            }
            try plan.requireConversion()
            let isFrozen = try await blocking(context) { () throws(StorageError) in
                try freeze(file, status.size, header, origin, in: staging)
            }
            // Open until QEMU is done: it is given the file that was judged, not what has its name by then.
            defer { withExtendedLifetime(file) {} }
            try await convert(
                try file.shared(), header.format.driver, isFrozen: isFrozen, staging, plan, passphrase, in: context)
            try await grow(staging, plan, Filled(header, size: status.size), in: context)
        }
    }

    /// From a pool that isn't made of files: its data is raw.
    private func fill(
        _ staging: Staging, _ plan: CreationPlan, from origin: Volume, through pool: any VolumeData,
        _ passphrase: SecretBytes?, in context: OperationContext
    ) async throws(StorageError) {
        var isRaw = false
        if case .raw = plan.kind { isRaw = true }
        if !isRaw { try plan.requireConversion() }
        if let size = origin.definition.capacity {
            try requireGrowth(plan, Filled(.spanningFile(.raw), size: size.bytes))
        }
        let name = isRaw ? Staging.volume : Staging.origin
        let file = try await blocking(context) { () throws(StorageError) in
            let file = try staging.makeFile(name)
            try setCopyOnWrite(of: file, plan)
            return file
        }
        let sink = DataEnd(
            descriptor: FileDescriptor(rawValue: file.descriptor), isSeekable: true, name: file.path)
        let isSparse = !isRaw || (plan.definition.allocation.map { $0 < origin.definition.capacity ?? 0 } ?? false)
        let summary = try await pool.download(origin, to: sink, TransferRequest(isSparse: isSparse), in: context)
        try await blocking(context.renewed) { () throws(StorageError) in try file.sync() }
        if !isRaw {
            try await convert(path(staging, name), "raw", isFrozen: false, staging, plan, passphrase, in: context)
        }
        try await grow(staging, plan, Filled(.spanningFile(.raw), size: summary.bytes.bytes), in: context)
    }

    /// Conversions go on as long as they need: only the user ends them.
    private func convert(
        _ origin: FilePath, _ format: String, isFrozen: Bool, _ staging: Staging, _ plan: CreationPlan,
        _ passphrase: SecretBytes?, in context: OperationContext
    ) async throws(StorageError) {
        var (target, options) = ("raw", [String]())
        if case .image(let format, let given) = plan.kind { (target, options) = (format, given) }
        let conversion = QemuImg.Conversion(
            .file(origin), format: format, frozen: isFrozen ? path(staging, Staging.frozen) : nil,
            to: .file(path(staging)), format: target, options: options)
        try await QemuImg(commands: commands).convert(conversion, passphrase: passphrase, until: .never)
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
        let what: String
        switch plan.kind {
        case .folder, .raw: return
        case .image("luks", _), .copy: what = "A \(plan.format)"
        case .image:
            guard filled.header.encryption != nil || plan.secret != nil else { return }
            what = "An encrypted"
        }
        throw StorageError(
            .unsupported,
            "\(what) copy has the capacity of its origin, which is \(filled.capacity): resize it afterwards",
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
