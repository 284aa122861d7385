import CLinux
import SANModel

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Flags of `open(2)`, so that Glibc isn't imported for them everywhere.
enum FileFlags {
    static let read = O_RDONLY
    static let readWrite = O_RDWR
    static let write = O_WRONLY
}

extension OpenFile {
    /// Sets owner, mode and label, where they aren't so yet.
    ///
    /// - Returns: whether the label is as wanted; false where there is one but the kernel or file system has no labels.
    @discardableResult
    func apply(_ wanted: Permissions, defaultMode: UInt32?) throws(StorageError) -> Bool {
        let now = try status().permissions
        if (wanted.owner ?? now.owner) != now.owner || (wanted.group ?? now.group) != now.group {
            let unchanged = UInt32.max
            try check(
                san_file_change_owner(descriptor, wanted.owner ?? unchanged, wanted.group ?? unchanged),
                cannot: "change the owner of", path)
        }
        if let mode = wanted.mode ?? defaultMode, mode != now.mode {
            try check(san_file_change_mode(descriptor, mode), cannot: "change the mode of", path)
        }
        guard let wanted = wanted.label, !wanted.isEmpty else { return true }
        // A kernel with SELinux gives every file a label.
        guard let label = label() else { return false }
        if label != wanted {
            try check(unsafe san_file_set_label(descriptor, wanted), cannot: "set the label of", path)
        }
        return true
    }

    /// Gives a range real space, and the file the length for it; never writes, so what the range has stays.
    ///
    /// - Parameter keepingLength: whether the file stays as long as it is, and the space is behind its end.
    /// - Returns: false where the file system can't promise space; nothing has changed then.
    func reserve(
        _ offset: UInt64, _ count: UInt64, keepingLength: Bool = false, _ monitor: TransferMonitor
    ) throws(StorageError) -> Bool {
        guard count > 0 else { return true }
        let result = try monitor.asking { () throws(StorageError) in
            san_file_allocate(descriptor, offset, count, keepingLength ? 1 : 0)
        }
        if result == -EOPNOTSUPP { return false }
        try check(result, cannot: "allocate \(count) bytes for", path)
        return true
    }

    /// Writes zeros over whatever a range has.
    func writeZeros(_ offset: UInt64, _ count: UInt64, _ monitor: TransferMonitor) throws(StorageError) {
        let zeros = [UInt8](repeating: 0, count: Int(min(count, 1 << 20)))
        var done: UInt64 = 0
        while done < count {
            let length = Int(min(count - done, UInt64(zeros.count)))
            try monitor.asking { () throws(StorageError) in try write(zeros, count: length, at: offset + done) }
            done += UInt64(length)
        }
    }

    func write(_ bytes: [UInt8], from start: Int = 0, count: Int, at offset: UInt64) throws(StorageError) {
        precondition(start >= 0 && count >= 0 && start + count <= bytes.count)
        let result = unsafe bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return Int64(0) }
            return unsafe san_file_write(descriptor, base + start, count, offset)
        }
        try check(result, cannot: "write to", path)
    }

    /// Writes bytes behind the end of the file, wherever that is by then.
    ///
    /// - Returns: how many.
    func append(_ bytes: [UInt8], count: Int) throws(StorageError) -> Int {
        precondition(count >= 0 && count <= bytes.count)
        let result = unsafe bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return Int64(0) }
            return unsafe san_file_append(descriptor, base, count)
        }
        return Int(try check(result, cannot: "write to", path))
    }

    /// Frees a range, which then reads as zeros.
    ///
    /// - Returns: false where the file system has no holes.
    func punch(_ offset: UInt64, _ count: UInt64) throws(StorageError) -> Bool {
        guard count > 0 else { return true }
        let result = san_file_punch(descriptor, offset, count)
        if [-EOPNOTSUPP, -ENODEV, -ENOSYS, -EINVAL].contains(result) { return false }
        try check(result, cannot: "free space of", path)
        return true
    }

    /// Where data begins at or after the offset; nil where only a hole follows, or the offset itself where holes aren't told.
    func nextData(_ offset: UInt64) -> UInt64? {
        let result = san_file_next_data(descriptor, offset)
        if result == -Int64(ENXIO) { return nil }
        return result < 0 ? offset : UInt64(result)
    }

    /// Where the data at the offset ends.
    func nextHole(_ offset: UInt64, size: UInt64) -> UInt64 {
        let result = san_file_next_hole(descriptor, offset)
        return result < 0 ? size : UInt64(result)
    }
}
