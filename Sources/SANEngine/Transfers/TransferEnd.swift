import SANHost
import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The local end of a transfer, on a descriptor of its own.
///
/// The caller may close its descriptor, and have the number used for another file, while a thread still sits in a call that nobody waits
/// for any more: that thread must not get hold of the other file.
@safe
package final class TransferEnd: Sendable {
    package let name: String
    private let descriptor: FileDescriptor
    /// Bytes can be read and written at any offset.
    package let isSeekable: Bool
    /// A regular file: it may have holes, and grows.
    package let isRegular: Bool
    /// Where the transfer begins in the file.
    package let position: Int64
    /// Which block device it is; nil for other files.
    package let device: DeviceNumber?
    /// In bytes, at the beginning; nil for what isn't seekable.
    package let size: Int64?

    /// - Throws: `host_failure`.
    package init(_ end: DataEnd) throws(StorageError) {
        name = end.name.printable
        do {
            descriptor = try end.descriptor.duplicate()
        } catch {
            throw StorageError(
                .hostFailure, "Can't use '\(end.name.printable)': \(error)", subject: .path(end.name.printable))
        }
        var status = stat()
        let isKnown = unsafe fstat(descriptor.rawValue, &status) == 0
        isRegular = isKnown && status.st_mode & S_IFMT == S_IFREG
        device = DeviceNumber(ofDeviceOpenAt: descriptor.rawValue)
        // Linux writes at the end whatever the offset where a file was opened for appending: only in order, then.
        let appends = fcntl(descriptor.rawValue, F_GETFL) & O_APPEND != 0
        let current = lseek(descriptor.rawValue, 0, SEEK_CUR)
        // A terminal or /dev/zero can be sought in as well, and has no size.
        let hasSize = isRegular || (isKnown && status.st_mode & S_IFMT == S_IFBLK)
        isSeekable = end.isSeekable && hasSize && !appends && current >= 0
        position = Int64(max(0, current))
        if !isSeekable {
            size = nil
        } else if isRegular {
            size = Int64(status.st_size)
        } else {
            size = Int64(lseek(descriptor.rawValue, 0, SEEK_END))
            lseek(descriptor.rawValue, current, SEEK_SET)
        }
    }

    deinit {
        try? descriptor.close()  // what was written is written; the caller's own descriptor is still open
    }

    /// How many bytes follow the position; nil where it isn't known.
    package var remaining: UInt64? { size.map { UInt64(max(0, $0 - position)) } }

    package var pollDescriptor: Int32 { descriptor.rawValue }

    /// Reads once.
    ///
    /// - Parameter offset: from the transfer's beginning; for what isn't seekable the next bytes are read.
    /// - Returns: 0 at the end.
    /// - Throws: `host_failure`.
    package func read(
        into buffer: TransferBuffer, at start: Int, count: Int, offset: UInt64
    ) throws(StorageError) -> Int {
        do {
            return try unsafe buffer.withBytes { memory in
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + count])
                return isSeekable
                    ? try unsafe descriptor.read(fromAbsoluteOffset: position + Int64(offset), into: target)
                    : try unsafe descriptor.read(into: target)
            }
        } catch {
            throw failure("read", error)
        }
    }

    /// Writes all of it.
    ///
    /// - Throws: `host_failure`.
    package func write(_ buffer: TransferBuffer, _ range: Range<Int>, offset: UInt64) throws(StorageError) {
        do {
            try unsafe buffer.withBytes { memory in
                let source = unsafe UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: memory[range]))
                if isSeekable {
                    _ = try unsafe descriptor.writeAll(toAbsoluteOffset: position + Int64(offset), source)
                } else {
                    _ = try unsafe descriptor.writeAll(source)
                }
            }
        } catch {
            throw failure("write", error)
        }
    }

    /// Where the next data is at or after an offset, counted from the transfer's beginning; the end where all that follows is a hole.
    package func nextData(after offset: UInt64) -> UInt64? {
        guard isRegular, isSeekable, let size else { return nil }
        let found = lseek(descriptor.rawValue, off_t(position + Int64(offset)), 3)
        if found >= 0 { return UInt64(max(0, Int64(found) - position)) }
        // ENXIO: nothing but a hole until the end. Anything else: the file system knows no holes.
        return errno == ENXIO ? UInt64(max(0, size - position)) : nil
    }

    /// Makes the file at least so long, counted from the transfer's beginning: a hole at the end is not there until then.
    ///
    /// - Throws: `host_failure`.
    package func extend(to length: UInt64) throws(StorageError) {
        var status = stat()
        let end = position + Int64(length)
        guard isRegular, isSeekable, unsafe fstat(descriptor.rawValue, &status) == 0, status.st_size < end else {
            return
        }
        do {
            try descriptor.resize(to: end)
        } catch {
            throw failure("extend", error)
        }
    }

    /// Leaves the caller's file offset, which is shared, behind what was transferred.
    package func leavePosition(after length: UInt64) {
        if isSeekable { lseek(descriptor.rawValue, off_t(position + Int64(length)), SEEK_SET) }
    }

    private func failure(_ verb: String, _ error: any Error) -> StorageError {
        StorageError(.hostFailure, "Can't \(verb) '\(name)': \(error)", subject: .path(name))
    }
}

extension TransferBuffer {
    /// Whether all bytes of a range are zeros.
    package func isZero(_ range: Range<Int>) -> Bool { repeats(0, range) }

    /// Whether the first bytes are all the same as this one.
    package func repeats(_ byte: UInt8, count: Int) -> Bool { repeats(byte, 0..<count) }

    private func repeats(_ byte: UInt8, _ range: Range<Int>) -> Bool {
        unsafe withBytes { memory in
            guard let start = unsafe memory.baseAddress?.advanced(by: range.lowerBound), !range.isEmpty else {
                return true
            }
            // A run that equals itself shifted by one consists of its first byte.
            return unsafe start.load(as: UInt8.self) == byte && memcmp(start, start + 1, range.count - 1) == 0
        }
    }
}
