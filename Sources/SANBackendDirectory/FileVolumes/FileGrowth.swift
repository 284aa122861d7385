import SANModel

/// Makes a volume's file longer, with real space for what it gets; where that fails, takes back what it has added and nothing else.
///
/// A guest may have the file open, and another host may make it longer at the same time: no byte that is there is written, and none cut. Others
/// go by the length that they see, so the final one appears when all of its space is there, and is never taken back.
struct FileGrowth {
    private let file: OpenFile
    private let old: UInt64
    private let wanted: UInt64
    private let piece: UInt64
    private let reservesBehind: Bool
    private let monitor: TransferMonitor
    /// How long this has made the file.
    private var reached: UInt64
    /// Whether there may be space of ours behind the end of the file.
    private var hasSpaceBehind = false

    /// - Parameters:
    ///   - piece: how many bytes each call asks for, which then ends within any patience.
    ///   - reservesBehind: whether the file system is asked for space behind the end of the file.
    init(
        of file: OpenFile, from old: UInt64, to wanted: UInt64, piece: UInt64 = 4 << 30, reservesBehind: Bool = true,
        _ monitor: TransferMonitor
    ) {
        (self.file, self.old, self.wanted, self.piece, self.monitor) = (file, old, wanted, piece, monitor)
        self.reservesBehind = reservesBehind
        reached = old
    }

    mutating func run() throws(StorageError) {
        do throws(StorageError) {
            if reservesBehind, try reserveBehind() { return }
            if try extend() { return }
            try append()
        } catch {
            throw takingBack(error)
        }
    }

    /// Has the space first, behind the end, and then the length in one step.
    ///
    /// - Returns: false where the file system can't: NFS 4.2 knows no space behind the end (`nfs42_fallocate`, Linux 6.1), and CIFS only says yes
    ///   to it (`smb3_simple_falloc`).
    private mutating func reserveBehind() throws(StorageError) -> Bool {
        var position = old
        while position < wanted {
            try requireLength(old)
            let count = min(wanted - position, piece)
            hasSpaceBehind = true
            guard try file.reserve(position, count, keepingLength: true, monitor) else {
                hasSpaceBehind = position > old
                return false
            }
            position += count
            monitor.report(position - old, of: wanted - old)
        }
        try requireLength(old)
        // Never ftruncate: another host may have made it longer than that by now.
        guard try file.reserve(wanted - 1, 1, monitor) else { return false }
        // Nothing is left to do, unless another host's growth has failed meanwhile, and has given back the space of both.
        position = old
        while position < wanted {
            let count = min(wanted - position, piece)
            _ = try file.reserve(position, count, monitor)
            position += count
        }
        return true
    }

    /// Has the space and the length piece by piece.
    ///
    /// - Returns: false where the file system can't promise space; nothing has changed then.
    private mutating func extend() throws(StorageError) -> Bool {
        while reached < wanted {
            try requireLength(reached)
            let count = min(wanted - reached, piece)
            guard try file.reserve(reached, count, monitor) else {
                guard reached > old else { return false }
                throw noSpacePromised
            }
            reached += count
            monitor.report(reached - old, of: wanted - old)
        }
        return true
    }

    /// Zeros behind the end: whoever sees them there may write to them at once, as they aren't written again.
    private mutating func append() throws(StorageError) {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        while reached < wanted {
            let (end, count) = (reached, Int(min(wanted - reached, UInt64(zeros.count))))
            let done = try monitor.asking { () throws(StorageError) in
                // Shares may tell only then that there was no space for those before.
                if end + UInt64(count) == wanted { try file.sync() }
                try requireLength(end)
                return try file.append(zeros, count: count)
            }
            reached += UInt64(done)
            monitor.report(reached - old, of: wanted - old)
        }
        try monitor.asking { () throws(StorageError) in try file.sync() }
    }

    private func requireLength(_ length: UInt64) throws(StorageError) {
        guard try file.status().size == length else {
            throw StorageError(
                .busy, "The size of '\(file.path.printable)' was changed meanwhile, so it is left as it is",
                subject: .path(file.path.printable))
        }
    }

    private func takingBack(_ error: StorageError) -> StorageError {
        do throws(StorageError) {
            try monitor.undoing { () throws(StorageError) in
                let size = try file.status().size
                if size == old, !hasSpaceBehind { return }
                guard size == reached, size < wanted else { throw left(size) }
                // One that is as long as it was loses the space behind its end.
                try file.truncate(to: old)
            }
            return error
        } catch let undo {
            return error.adding(cause: undo)
        }
    }

    private func left(_ size: UInt64) -> StorageError {
        StorageError(
            .busy,
            "'\(file.path.printable)' is left with \(size) bytes, as others may go by that length already: refresh the pool and look again",
            subject: .path(file.path.printable))
    }

    private var noSpacePromised: StorageError {
        StorageError(
            .unsupported, "The file system can't promise space for '\(file.path.printable)': leave --allocate out",
            subject: .path(file.path.printable))
    }
}
