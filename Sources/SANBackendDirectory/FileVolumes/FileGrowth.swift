import SANModel

/// Makes a volume's file longer, with real space for what it gets; where that fails, takes back what it has added and nothing else.
///
/// A guest may have the file open, and another host may make it longer at the same time: no byte that is there is written, and none cut.
struct FileGrowth {
    private let file: OpenFile
    private let old: UInt64
    private let wanted: UInt64
    private let monitor: TransferMonitor
    /// How long this has made the file.
    private var reached: UInt64

    init(of file: OpenFile, from old: UInt64, to wanted: UInt64, _ monitor: TransferMonitor) {
        (self.file, self.old, self.wanted, self.monitor) = (file, old, wanted, monitor)
        reached = old
    }

    mutating func run() throws(StorageError) {
        do throws(StorageError) {
            // One byte tells whether the file system can promise space, before the file has bytes that would be in the way of zeros.
            guard try file.reserve(old, 1, monitor) else { return try append() }
            reached = old + 1
            // Never ftruncate: another host may have made it longer than that by now.
            guard try file.reserve(wanted - 1, 1, monitor) else { throw noSpacePromised }
            reached = wanted
            var position = old
            while position < wanted {
                // Each call ends within any patience.
                let count = min(wanted - position, 4 << 30)
                guard try file.reserve(position, count, monitor) else { throw noSpacePromised }
                position += count
                monitor.report(position - old, of: wanted - old)
            }
        } catch {
            throw takingBack(error)
        }
    }

    /// Zeros behind the end: whoever sees them there may write to them at once, as they aren't written again.
    private mutating func append() throws(StorageError) {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        while reached < wanted {
            let (end, count) = (reached, Int(min(wanted - reached, UInt64(zeros.count))))
            let done = try monitor.asking { () throws(StorageError) in
                guard try file.status().size == end else { throw sizeHasChanged }
                return try file.append(zeros, count: count)
            }
            reached += UInt64(done)
            monitor.report(reached - old, of: wanted - old)
        }
        // Shares may tell only then that there was no space.
        try monitor.asking { () throws(StorageError) in try file.sync() }
    }

    private func takingBack(_ error: StorageError) -> StorageError {
        do throws(StorageError) {
            try monitor.undoing { () throws(StorageError) in
                let size = try file.status().size
                if size == old { return }
                guard size == reached else { throw sizeHasChanged }
                try file.truncate(to: old)
            }
            return error
        } catch let undo {
            return error.adding(cause: undo)
        }
    }

    private var noSpacePromised: StorageError {
        StorageError(
            .unsupported, "The file system can't promise space for '\(file.path.printable)': leave --allocate out",
            subject: .path(file.path.printable))
    }

    private var sizeHasChanged: StorageError {
        StorageError(
            .busy, "The size of '\(file.path.printable)' was changed meanwhile, so it is left as it is",
            subject: .path(file.path.printable))
    }
}
