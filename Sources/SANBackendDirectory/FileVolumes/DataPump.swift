import CLinux
import SANEngine
import SANModel

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Moves bytes from one open file, pipe or device to another, leaving runs of zeros out where that is wanted.
struct DataPump {
    /// One side: at offsets, or as a stream.
    struct End {
        var file: OpenFile
        /// Where it begins; nil for a stream.
        var offset: UInt64?
        /// Whether it is the volume, whose calls are bounded by the context's patience.
        var isStorage: Bool
    }

    private static let chunk = 1 << 20
    private static let block = 4096

    private let source: End
    private let sink: End
    private let limit: UInt64?
    private let isSparse: Bool
    private let monitor: TransferMonitor
    private let total: UInt64?
    /// What the sink has had before; nil for what isn't a regular file, and is never shortened or lengthened.
    private let oldSize: UInt64?
    private var buffer = [UInt8](repeating: 0, count: DataPump.chunk)
    private var done: UInt64 = 0
    private var moved: UInt64 = 0

    /// - Parameters:
    ///   - limit: bytes at most; nil for all there are.
    ///   - total: for progress, where it is known.
    init(
        from source: End, to sink: End, limit: UInt64?, total: UInt64?, isSparse: Bool, monitor: TransferMonitor
    ) throws(StorageError) {
        self.source = source
        self.sink = sink
        self.limit = limit
        self.total = total
        self.isSparse = isSparse
        self.monitor = monitor
        let status = try sink.file.status()
        oldSize = sink.offset != nil && status.kind == .file ? status.size : nil
    }

    mutating func run() throws(StorageError) -> TransferSummary {
        while limit.map({ done < $0 }) ?? true {
            if try skipHole() { continue }
            let count = try read()
            if count == 0 { break }
            try isSparse ? writeSparse(count) : write(0, count)
            monitor.report(done, of: total)
        }
        try finish()
        return TransferSummary(bytes: ByteCount(done), moved: ByteCount(moved))
    }

    /// Passes a hole of the source by.
    ///
    /// - Returns: whether there was one.
    private mutating func skipHole() throws(StorageError) -> Bool {
        guard isSparse, let start = source.offset else { return false }
        let position = start + done
        let end = source.file.nextData(position)
        let size = try end == nil ? source.file.status().size : 0
        guard let end = end ?? (size > position ? size : nil), end > position else { return false }
        let count = min(end - position, limit.map { $0 - done } ?? .max)
        try writeHole(count)
        done += count
        monitor.report(done, of: total)
        return true
    }

    private mutating func read() throws(StorageError) -> Int {
        let wanted = Int(min(UInt64(buffer.count), limit.map { $0 - done } ?? .max))
        let file = source.file
        let offset = source.offset.map { $0 + done }
        let got = try watched(source) { () throws(StorageError) in
            unsafe buffer.withUnsafeMutableBytes { bytes -> Int64 in
                guard let start = bytes.baseAddress else { return 0 }
                guard let offset else { return unsafe san_stream_read(file.descriptor, start, wanted) }
                return unsafe san_file_read(file.descriptor, start, wanted, offset)
            }
        }
        return Int(try check(got, cannot: "read", file.path))
    }

    private mutating func write(_ start: Int, _ count: Int) throws(StorageError) {
        let sink = sink
        let offset = sink.offset.map { $0 + done }
        try watched(sink) { () throws(StorageError) in
            guard let offset else { return try writeStream(start, count) }
            try sink.file.write(buffer, from: start, count: count, at: offset)
        }
        done += UInt64(count)
        moved += UInt64(count)
    }

    private func writeStream(_ start: Int, _ count: Int) throws(StorageError) {
        let result = unsafe buffer.span.extracting(start..<start + count).withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return Int64(0) }
            return unsafe san_stream_write(sink.file.descriptor, base, count)
        }
        try check(result, cannot: "write to", sink.file.path)
    }

    /// Writes a chunk's runs of data, and its runs of zero blocks as holes.
    private mutating func writeSparse(_ count: Int) throws(StorageError) {
        var start = 0
        while start < count {
            let isZero = isZero(start, count)
            var end = start
            while end < count, self.isZero(end, count) == isZero { end = min(end + DataPump.block, count) }
            if isZero {
                try writeHole(UInt64(end - start))
                done += UInt64(end - start)
            } else {
                try write(start, end - start)
            }
            start = end
        }
    }

    /// Whether the block at a place in the buffer has only zeros.
    private func isZero(_ start: Int, _ count: Int) -> Bool {
        let length = min(DataPump.block, count - start)
        return unsafe buffer.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return true }
            let first = unsafe base + start
            // All bytes equal the one before them, and the first is zero.
            return unsafe first.load(as: UInt8.self) == 0 && memcmp(first, first + 1, length - 1) == 0
        }
    }

    private mutating func writeHole(_ count: UInt64) throws(StorageError) {
        let sink = sink
        if let start = sink.offset {
            let position = start + done
            let overlap = oldSize.map { $0 > position ? min(count, $0 - position) : 0 } ?? count
            let isPunched = try watched(sink) { () throws(StorageError) in try sink.file.punch(position, overlap) }
            if isPunched { return }
            try sink.file.writeZeros(position, overlap, monitor)
            moved += overlap
            return
        }
        // A pipe has no holes.
        let zeros = DataPump(zerosTo: self)
        try zeros.writeZeros(count)
        moved += count
    }

    private init(zerosTo other: DataPump) {
        self = other
        buffer = [UInt8](repeating: 0, count: DataPump.chunk)
    }

    private func writeZeros(_ count: UInt64) throws(StorageError) {
        var left = count
        while left > 0 {
            let length = Int(min(left, UInt64(buffer.count)))
            try monitor.streaming { () throws(StorageError) in try writeStream(0, length) }
            left -= UInt64(length)
        }
    }

    /// A hole at the end has to be given its length.
    private func finish() throws(StorageError) {
        guard let start = sink.offset, let oldSize, start + done > oldSize else { return }
        let sink = sink
        try watched(sink) { () throws(StorageError) in
            guard try sink.file.status().size < start + done else { return }
            try sink.file.truncate(to: start + done)
        }
    }

    private func watched<Value>(_ end: End, _ call: () throws(StorageError) -> Value) throws(StorageError) -> Value {
        end.isStorage ? try monitor.asking(call) : try monitor.streaming(call)
    }
}
