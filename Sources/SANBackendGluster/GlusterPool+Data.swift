public import SANEngine
import SANHost
import SANImages
public import SANModel

extension GlusterPool: VolumeData {
    /// Writes bytes to a volume's file, as they are: an image as well as a disk's contents.
    ///
    /// The file grows where they go past its end.
    ///
    /// - Throws: `busy` for a file that somebody has open, `not_found`, `unsupported` for links and folders, `invalid_state` where another file has taken the name, `invalid_argument`,
    ///   `cancelled`, `timed_out`, `unavailable`.
    public func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try transfer.requireRange()
        let end = try TransferEnd(source)
        let file = try await open(volume, writing: true, context)
        let length = transfer.length(of: end)
        if let length, length > UInt64(Int64.max) - transfer.offset.bytes { throw TransferRequest.outOfRange }
        let summary = try await GlusterAccess.transfer(file, size: .max, named: volume.name)
            .upload(end, transfer, length: length, in: context)
        end.leavePosition(after: summary.bytes.bytes)
        return summary
    }

    /// Writes bytes of a volume's file to a file or pipe; fewer than asked for where the file ends.
    ///
    /// - Throws: `not_found`, `unsupported` for links and folders, `invalid_argument` for an offset behind the end, `cancelled`,
    ///   `timed_out`, `unavailable`.
    public func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try transfer.requireRange()
        let end = try TransferEnd(sink)
        let file = try await open(volume, writing: false, context)
        let size = try await call("the file '\(volume.name.printable)'", context) { _ throws(StorageError) in
            try file.status().size
        }
        guard transfer.offset.bytes <= size else {
            throw StorageError(
                .invalidArgument,
                "The offset \(transfer.offset) is behind the end of '\(volume.name.printable)', which has \(size) bytes",
                subject: .volume(volume.name.printable))
        }
        let length = min(transfer.length?.bytes ?? .max, size - transfer.offset.bytes)
        let summary = try await GlusterAccess.transfer(file, size: size, named: volume.name)
            .download(to: end, transfer, length: length, in: context)
        end.leavePosition(after: length)
        return summary
    }

    /// Overwrites all of a volume's file; its size stays.
    ///
    /// `zero` empties a sparse file as libvirt does in folders, and writes zeros over any other; `trim` makes it one hole. What the file systems
    /// of the bricks keep (snapshots, copies on write, flash) no overwriting reaches.
    ///
    /// - Throws: `unsupported` for links and folders, and for `trim` where the bricks have no holes; as ``upload(_:to:_:in:)``.
    public func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        let file = try await open(volume, writing: true, context)
        let what = "the file '\(volume.name.printable)'"
        let status = try await call(what, context) { _ throws(StorageError) in try file.status() }
        guard status.size > 0 else { return TransferSummary(bytes: 0, moved: 0) }
        if algorithm == .zero, status.isSparse {
            try await empty(file, what, length: status.size, context)
            context.progress.report(done: ByteCount(status.size), total: ByteCount(status.size))
            return TransferSummary(bytes: ByteCount(status.size), moved: 0)
        }
        return try await GlusterAccess.transfer(file, size: status.size, named: volume.name)
            .wipe(algorithm, shownAs: "'\(file.uri.printable)'", in: context)
    }

    /// Has a file lose all that it has, and gives it its length back: for a caller that is cancelled too.
    ///
    /// - Throws: with what is left.
    func empty(
        _ file: GlusterFile, _ what: String, length: UInt64, _ context: OperationContext
    ) async throws(StorageError) {
        let emptying = Effect()
        do throws(StorageError) {
            try await call(what, context, emptying) { _ throws(StorageError) in
                try FileEmptying.run("'\(file.uri.printable)'", length: length) { wanted throws(StorageError) in
                    guard wanted == 0 else { return try file.refill(to: wanted, emptying) }
                    try emptying.begin()
                    try file.truncate(to: 0)
                }
                try file.sync()
            }
        } catch {
            guard emptying.isAbandoned, emptying.hasBegun else { throw error }
            throw await refill(file, what, length: length, after: error, context)
        }
    }

    /// Gives a file its length back whose emptying was given up on.
    ///
    /// - Returns: the error, with what is left.
    private func refill(
        _ file: GlusterFile, _ what: String, length: UInt64, after error: StorageError, _ context: OperationContext
    ) async -> StorageError {
        let (filling, uri) = (Effect(), file.uri.printable)
        do throws(StorageError) {
            try await takeBack(what, context, filling) { _ throws(StorageError) in
                try file.refill(to: length, filling)
            }
            guard filling.hasBegun else { return error }
            return error.adding(
                cause: StorageError(
                    .invalidState, "'\(uri)' was emptied, and has its \(length) bytes again", subject: .path(uri)))
        } catch let undo {
            return error.adding(
                cause: StorageError(
                    undo.code,
                    "'\(uri)' may be empty now: refresh the pool; 'sanctl volume resize' gives it its \(length) bytes back",
                    subject: .path(uri), causes: [undo]))
        }
    }

    private func open(
        _ volume: Volume, writing: Bool, _ context: OperationContext
    ) async throws(StorageError) -> GlusterFile {
        if writing { try await requireUnused(volume, context) }
        let source = source
        return try await call("the file '\(volume.name.printable)'", context) { connected throws(StorageError) in
            try source.openListed(volume, writing: writing, on: connected)
        }
    }
}

extension TransferRequest {
    fileprivate static let outOfRange = StorageError(.invalidArgument, "The range ends over 2^63 - 1 bytes")

    /// Files end at 2^63 - 1 bytes.
    fileprivate func requireRange() throws(StorageError) {
        guard let end = offset.adding(length ?? 0), end.bytes <= UInt64(Int64.max) else {
            throw TransferRequest.outOfRange
        }
    }
}
