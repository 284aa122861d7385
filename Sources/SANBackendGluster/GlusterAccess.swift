import SANEngine
import SANModel

/// An open file, for the threads that move its bytes.
struct GlusterAccess: RequestTarget {
    let file: GlusterFile

    /// - Parameter size: where reads and wipes end; `.max` for an upload, which may make the file longer.
    static func transfer(_ file: GlusterFile, size: UInt64, named name: String) -> VolumeTransfer<GlusterAccess> {
        let geometry = TransferGeometry(blockSize: 1, capacity: min(size, UInt64(Int64.max)), chunk: chunk)
        return VolumeTransfer(GlusterAccess(file: file), geometry, named: name)
    }

    /// The bytes of one read or write.
    private static let chunk = 1 << 20

    var threadName: String { "san-gluster-io" }

    func overdue(_ patience: Duration) -> StorageError {
        StorageError(
            .timedOut,
            "A brick didn't end a request for '\(file.uri.printable)' within \(patience), and may still carry it out: look at 'gluster volume status'",
            subject: .path(file.uri.printable))
    }

    func perform(_ request: StorageRequest) throws(StorageError) -> UInt64 {
        switch request {
        case .read(let chunk):
            guard let buffer = chunk.buffer else { return 0 }
            try file.read(buffer, chunk.start..<chunk.start + Int(chunk.length), at: chunk.offset)
            return 0
        case .write(let chunk):
            guard let buffer = chunk.buffer else { return 0 }
            try file.write(buffer, chunk.start..<chunk.start + Int(chunk.length), at: chunk.offset)
            return chunk.length
        case .zero(let range, .write): return try writeZeros(range)
        case .zero(let range, .punch):
            let size = try file.status().size
            if range.lowerBound < size { try file.punch(range.lowerBound..<min(range.upperBound, size)) }
            // A hole behind the end makes the file no longer; a byte does, and is in nobody else's range.
            if size < range.upperBound { try file.write(TransferBuffer(count: 1), 0..<1, at: range.upperBound - 1) }
            return 0
        case .zero(let range, .discard):
            try file.punch(range)
            return 0
        case .flush:
            try file.sync()
            return 0
        }
    }

    private func writeZeros(_ range: Range<UInt64>) throws(StorageError) -> UInt64 {
        let zeros = TransferBuffer(count: GlusterAccess.chunk)
        var position = range.lowerBound
        while position < range.upperBound {
            let count = Int(min(range.upperBound - position, UInt64(zeros.count)))
            try file.write(zeros, 0..<count, at: position)
            position += UInt64(count)
        }
        return range.upperBound - range.lowerBound
    }
}
