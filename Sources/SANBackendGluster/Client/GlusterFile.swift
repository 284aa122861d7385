import CGlusterFS
import SANEngine
import SANHost
import SANModel
import Synchronization

/// An open file of a volume; every call blocks, and the file is closed with the value.
@safe
final class GlusterFile: Sendable {
    /// The address of the library's `struct glfs_fd`, which any thread may use.
    private let address: UInt
    /// For messages.
    let uri: String

    init(adopting file: OpaquePointer, uri: String) {
        address = UInt(bitPattern: file)
        self.uri = uri
    }

    deinit {
        unsafe GlusterVolume.release(address) { _ = unsafe san_gluster_close($0) }
    }

    private var file: OpaquePointer {
        get throws(StorageError) {
            guard let file = unsafe OpaquePointer(bitPattern: address) else {
                throw StorageError(.invalidState, "'\(uri.printable)' isn't open")
            }
            return unsafe file
        }
    }

    func status() throws(StorageError) -> GlusterStatus {
        var status = san_gluster_status()
        try check(unsafe san_gluster_status(try file, &status), cannot: "look at", uri)
        return GlusterStatus(status)
    }

    /// - Returns: how many bytes there were; fewer than asked for at the end of the file.
    func read(into buffer: inout [UInt8], at offset: UInt64) throws(StorageError) -> Int {
        let file = try unsafe file
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return Int64(0) }
            return unsafe san_gluster_read(file, start, bytes.count, offset)
        }
        return Int(try check(count, cannot: "read", uri))
    }

    func read(_ buffer: TransferBuffer, _ range: Range<Int>, at offset: UInt64) throws(StorageError) {
        let file = try unsafe file
        let count = unsafe buffer.withBytes { memory in
            guard let start = unsafe memory.baseAddress?.advanced(by: range.lowerBound) else { return Int64(0) }
            return unsafe san_gluster_read(file, start, range.count, offset)
        }
        guard try check(count, cannot: "read", uri) == range.count else {
            throw StorageError(
                .backendFailure,
                "'\(uri.printable)' gave \(count) of \(range.count) bytes at \(offset): it became shorter",
                subject: .path(uri.printable))
        }
    }

    func write(_ buffer: TransferBuffer, _ range: Range<Int>, at offset: UInt64) throws(StorageError) {
        let file = try unsafe file
        let count = unsafe buffer.withBytes { memory in
            guard let start = unsafe memory.baseAddress?.advanced(by: range.lowerBound) else { return Int64(0) }
            return unsafe san_gluster_write(file, start, range.count, offset)
        }
        try check(count, cannot: "write to", uri)
    }

    func truncate(to size: UInt64) throws(StorageError) {
        guard size <= UInt64(Int64.max) else { throw tooLong(size) }
        try check(unsafe san_gluster_truncate(try file, size), cannot: "change the size of", uri)
    }

    /// What its bricks say of it.
    ///
    /// For a second the client answers from what it has seen last (performance.md-cache), also where another one has changed the length since; a
    /// flush brings what the brick says (seen with glusterfs 10.3, but for sharded files, whose lengths Gluster tells one client only).
    func statusNow() throws(StorageError) -> GlusterStatus {
        try sync()
        return try status()
    }

    func lengthNow() throws(StorageError) -> UInt64 { try statusNow().size }

    /// - Throws: `invalid_state` where it isn't as long as that any more.
    func requireLength(_ length: UInt64, _ name: String) throws(StorageError) {
        let now = try lengthNow()
        guard now == length else {
            throw StorageError(
                .invalidState,
                "'\(name.printable)' has \(now) bytes by now instead of \(length): refresh the pool and look again",
                subject: .volume(name.printable))
        }
    }

    /// Makes it longer, unless somebody has made it as long already: nothing is cut.
    ///
    /// - Throws: `unsupported` where the bricks' file systems can't promise space.
    func extend(to size: UInt64) throws(StorageError) {
        guard size > 0 else { return }
        try allocate(size - 1..<size)
    }

    /// Takes a growth back, where the file is still as long as that has made it; where that is the old length, the space behind its end.
    ///
    /// - Throws: `invalid_state` where somebody has changed its length since.
    func cutBack(from grown: UInt64, to old: UInt64, _ effect: Effect) throws(StorageError) {
        let size = try lengthNow()
        guard size == grown else {
            // Whoever has cut it has given back the space behind its end.
            if grown == old, size < old { return }
            let what =
                grown == old
                ? "may keep space behind its end, as somebody else has made it \(size) bytes long meanwhile"
                : "isn't cut back to \(old) bytes: somebody else has made it \(size) since it grew to \(grown)"
            throw StorageError(.invalidState, "'\(uri.printable)' \(what)", subject: .path(uri.printable))
        }
        try effect.begin()
        try truncate(to: old)
    }

    /// Gives a file that was emptied its length back, where it has none.
    ///
    /// - Throws: `invalid_state` where somebody has given it another one.
    func refill(to length: UInt64, _ effect: Effect) throws(StorageError) {
        let size = try lengthNow()
        guard size != length else { return }
        guard size == 0 else {
            throw StorageError(
                .invalidState,
                "'\(uri.printable)' doesn't get its \(length) bytes back: somebody else has made it \(size) since it was emptied",
                subject: .path(uri.printable))
        }
        try effect.begin()
        try truncate(to: length)
    }

    /// Has the bricks take the space of a range; what it has stays.
    ///
    /// - Parameter keepingLength: whether the file stays as long as it is, and the space is behind its end.
    func allocate(_ range: Range<UInt64>, keepingLength: Bool = false) throws(StorageError) {
        guard range.upperBound <= UInt64(Int64.max) else { throw tooLong(range.upperBound) }
        let result = unsafe san_gluster_allocate(
            try file, range.lowerBound, range.upperBound - range.lowerBound, keepingLength ? 1 : 0)
        try check(result, cannot: "allocate space for", uri)
    }

    /// Gives blocks back; the size stays.
    func punch(_ range: Range<UInt64>) throws(StorageError) {
        try check(
            unsafe san_gluster_punch(try file, range.lowerBound, range.upperBound - range.lowerBound),
            cannot: "make a hole in", uri)
    }

    func sync() throws(StorageError) {
        try check(unsafe san_gluster_sync(try file), cannot: "flush", uri)
    }

    /// Takes the file for this process and value alone, among those that ask in this way.
    ///
    /// - Throws: `busy`.
    func lock() throws(StorageError) {
        try check(
            unsafe san_gluster_try_lock(try file, UInt64.random(in: 1...UInt64.max)), cannot: "have to itself", uri)
    }

    private func tooLong(_ size: UInt64) -> StorageError {
        StorageError(.invalidArgument, "A file of \(size) bytes is over 2^63 - 1", subject: .path(uri.printable))
    }
}
