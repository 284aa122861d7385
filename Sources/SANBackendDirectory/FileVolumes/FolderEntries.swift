import CLinux
import SANModel

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The names in a folder, all in one buffer: ten thousand of them cost a few allocations.
struct FolderEntries: Sendable {
    private var arena: [UInt8] = []
    private var entries: [Entry] = []

    struct Entry: Sendable {
        fileprivate var offset: Int
        fileprivate var length: Int
        /// `d_type`, `DT_UNKNOWN` where the file system doesn't say.
        var type: UInt8
    }

    /// Reads the names of a folder that has just been opened, in bulk.
    init(of folder: OpenFile) throws(StorageError) {
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                guard let start = bytes.baseAddress else { return Int64(0) }
                return unsafe san_directory_read(folder.descriptor, start, bytes.count)
            }
            let length = Int(try check(count, cannot: "list", folder.path))
            if length == 0 { break }
            append(buffer.span.extracting(0..<length))
        }
        sort()
    }

    /// By bytes, so that two listings of the same files are the same.
    private mutating func sort() {
        unsafe arena.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            entries.sort { left, right in
                let order = unsafe memcmp(base + left.offset, base + right.offset, min(left.length, right.length))
                return order == 0 ? left.length < right.length : order < 0
            }
        }
    }

    var count: Int { entries.count }

    func type(at index: Int) -> UInt8 { entries[index].type }

    /// The bytes of a name.
    func bytes(at index: Int) -> ArraySlice<UInt8> {
        arena[entries[index].offset..<entries[index].offset + entries[index].length]
    }

    /// The name; nil where it isn't UTF-8.
    func name(at index: Int) -> String? {
        String(validating: bytes(at: index), as: UTF8.self)
    }

    /// `struct linux_dirent64`: d_ino 8, d_off 8, d_reclen 2, d_type 1, d_name.
    private mutating func append(_ records: Span<UInt8>) {
        var position = 0
        while position + 19 < records.count {
            let length = Int(records[position + 16]) | Int(records[position + 17]) << 8
            guard length > 19, position + length <= records.count else { return }
            let start = arena.count
            var index = position + 19
            while index < position + length, records[index] != 0 {
                arena.append(records[index])
                index += 1
            }
            let count = arena.count - start
            guard count > 0 else { return }
            let isDot =
                arena[start] == UInt8(ascii: ".") && (count == 1 || count == 2 && arena[start + 1] == UInt8(ascii: "."))
            if isDot {
                arena.removeLast(count)
            } else {
                entries.append(Entry(offset: start, length: count, type: records[position + 18]))
            }
            position += length
        }
    }
}
