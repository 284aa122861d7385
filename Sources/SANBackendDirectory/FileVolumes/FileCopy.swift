import CLinux
import SANEngine
import SANModel

/// Copies whole files: shared blocks where the file system can, else data without its holes.
enum FileCopy {
    private static let chunk = 16 << 20

    /// Fills an empty file.
    ///
    /// - Parameter beforeBytes: where the two can't share their blocks, and it takes a while.
    /// - Returns: whether the two share their blocks.
    @discardableResult
    static func copy(
        _ origin: OpenFile, to file: OpenFile, _ monitor: TransferMonitor,
        beforeBytes: () throws(StorageError) -> Void = {}
    ) throws(StorageError) -> Bool {
        let (isShared, size) = try monitor.asking { () throws(StorageError) in
            let isShared = san_file_clone(file.descriptor, origin.descriptor) == 0
            if !isShared { try beforeBytes() }
            // Another file system, one without shared blocks, or one file without copy-on-write: all of it is a reason to copy.
            let size = try (isShared ? file : origin).status().size
            if !isShared { try file.truncate(to: size) }
            return (isShared, size)
        }
        var position: UInt64 = 0
        while !isShared, position < size, let data = origin.nextData(position), data < size {
            let hole = min(origin.nextHole(data, size: size), size)
            position = data
            while position < hole {
                position += try move(origin, position, Int(min(hole - position, UInt64(chunk))), to: file, monitor)
                monitor.report(position, of: size)
            }
        }
        try monitor.asking { () throws(StorageError) in
            // An origin that was cut where it has a hole reads as one to the end.
            guard !isShared else { return }
            guard try origin.status().size >= size else { throw becameShorter(origin) }
            try file.sync()
        }
        monitor.report(size, of: size)
        return isShared
    }

    private static func move(
        _ origin: OpenFile, _ offset: UInt64, _ count: Int, to file: OpenFile, _ monitor: TransferMonitor
    ) throws(StorageError) -> UInt64 {
        let moved = try monitor.asking { () throws(StorageError) in
            san_file_copy_range(origin.descriptor, offset, file.descriptor, offset, count)
        }
        if moved > 0 { return UInt64(moved) }
        // Old kernels and some file systems can't; an origin that has become shorter gives nothing.
        var buffer = [UInt8](repeating: 0, count: min(count, 1 << 20))
        let got = try monitor.asking { () throws(StorageError) in try origin.read(into: &buffer, at: offset) }
        guard got > 0 else { throw becameShorter(origin) }
        try monitor.asking { () throws(StorageError) in try file.write(buffer, count: got, at: offset) }
        return UInt64(got)
    }

    private static func becameShorter(_ origin: OpenFile) -> StorageError {
        StorageError(
            .hostFailure, "'\(origin.path.printable)' became shorter while it was copied",
            subject: .path(origin.path.printable))
    }
}
