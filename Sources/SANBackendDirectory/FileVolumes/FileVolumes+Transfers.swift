import CLinux
public import SANEngine
import SANHost
public import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension FileVolumes {
    /// Writes bytes to a volume's file, as they are: an image as well as a disk's contents.
    ///
    /// The file grows where they go past its end.
    ///
    /// - Throws: `busy` where a process has the file open for writing, `not_found`, `unsupported` for links and folders, `invalid_state`,
    ///   `invalid_argument`, `cancelled`, `timed_out`.
    public func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try transfer.requireRange()
        let input = try source.opened()
        return try await TransferMonitor.run(on: subject(volume), isUpload: true, in: context) {
            monitor throws(StorageError) in
            let file = try monitor.asking { () throws(StorageError) in try openListed(volume, FileFlags.readWrite) }
            try requireOther(input.file, than: file, volume)
            try monitor.asking { () throws(StorageError) in try requireUnused(file, volume, forWriting: true) }
            var total = transfer.length?.bytes
            if let start = input.offset {
                let status = try input.file.status()
                if status.kind == .file {
                    let rest = status.size - min(start, status.size)
                    total = min(total ?? rest, rest)
                }
            }
            var pump = try DataPump(
                from: input, to: DataPump.End(file: file, offset: transfer.offset.bytes, isStorage: true),
                limit: transfer.length?.bytes, total: total, isSparse: transfer.isSparse, monitor: monitor)
            let summary = try pump.run()
            try monitor.asking { () throws(StorageError) in try file.sync() }
            return summary
        }
    }

    /// Writes bytes of a volume's file to a file or pipe; fewer than asked for where the file ends.
    ///
    /// - Throws: `not_found`, `unsupported` for links and folders, `invalid_argument` for an offset behind the end, `cancelled`,
    ///   `timed_out`.
    public func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        try transfer.requireRange()
        let output = try sink.opened()
        return try await TransferMonitor.run(on: subject(volume), in: context) { monitor throws(StorageError) in
            let file = try monitor.asking { () throws(StorageError) in try openListed(volume, FileFlags.read) }
            try requireOther(output.file, than: file, volume)
            let size = try file.status().size
            guard transfer.offset.bytes <= size else {
                throw StorageError(
                    .invalidArgument,
                    "The offset \(transfer.offset) is behind the end of '\(volume.name.printable)', which has \(size) bytes",
                    subject: .volume(volume.name.printable))
            }
            let count = min(transfer.length?.bytes ?? .max, size - transfer.offset.bytes)
            var pump = try DataPump(
                from: DataPump.End(file: file, offset: transfer.offset.bytes, isStorage: true), to: output,
                limit: count, total: count, isSparse: transfer.isSparse, monitor: monitor)
            return try pump.run()
        }
    }

    func subject(_ volume: Volume) -> String {
        "the data of '\(volume.name.printable)'"
    }
}

extension TransferRequest {
    /// Files end at 2^63 - 1 bytes.
    fileprivate func requireRange() throws(StorageError) {
        guard let end = offset.adding(length ?? 0), end.bytes <= UInt64(Int64.max) else {
            throw StorageError(.invalidArgument, "The range ends over 2^63 - 1 bytes")
        }
    }
}

extension DataEnd {
    /// A descriptor of our own: the caller may close its own while a call on another thread can't be ended.
    fileprivate func opened() throws(StorageError) -> DataPump.End {
        let file = try OpenFile.duplicate(descriptor.rawValue, name: name)
        // Every write to a file opened for appending goes to its end, whatever the offset.
        let appends = san_file_modes(file.descriptor) & O_APPEND != 0
        guard isSeekable, !appends else { return DataPump.End(file: file, offset: nil, isStorage: false) }
        let position = try check(san_file_position(file.descriptor), cannot: "find the place in", name)
        return DataPump.End(file: file, offset: UInt64(position), isStorage: false)
    }
}
