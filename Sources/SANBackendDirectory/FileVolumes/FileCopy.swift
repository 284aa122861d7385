import CLinux
import SANEngine
import SANModel

/// Copies whole files: shared blocks where the file system can, else data without its holes.
enum FileCopy {
    private static let chunk = 16 << 20

    /// Fills an empty file.
    ///
    /// - Returns: whether the two share their blocks.
    @discardableResult
    static func copy(
        _ origin: OpenFile, to file: OpenFile, _ monitor: TransferMonitor
    ) throws(StorageError) -> Bool {
        let cloned = try monitor.asking { () throws(StorageError) in san_file_clone(file.descriptor, origin.descriptor)
        }
        // Another file system, one without shared blocks, or one file without copy-on-write: all of it is a reason to copy.
        if cloned == 0 { return true }
        let size = try origin.status().size
        try file.truncate(to: size)
        var position: UInt64 = 0
        while position < size, let data = origin.nextData(position), data < size {
            let hole = min(origin.nextHole(data, size: size), size)
            position = data
            while position < hole {
                position += try move(origin, position, Int(min(hole - position, UInt64(chunk))), to: file, monitor)
                monitor.report(position, of: size)
            }
        }
        try monitor.asking { () throws(StorageError) in try file.sync() }
        monitor.report(size, of: size)
        return false
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
        guard got > 0 else {
            throw StorageError(.hostFailure, "'\(origin.path.printable)' became shorter while it was copied")
        }
        try monitor.asking { () throws(StorageError) in try file.write(buffer, count: got, at: offset) }
        return UInt64(got)
    }
}
