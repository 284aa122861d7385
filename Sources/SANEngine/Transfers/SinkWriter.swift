import SANHost
import SANModel

/// Writes what a download brings to its sink, on a thread of its own.
package struct SinkWriter: Sendable {
    private let file: TransferEnd
    private let ring: TransferRing
    /// Where in the volume the first byte comes from.
    private let offset: UInt64
    private let length: UInt64
    /// Leave zeros out as holes.
    private let makesHoles: Bool

    package init(file: TransferEnd, ring: TransferRing, offset: UInt64, length: UInt64, makesHoles: Bool) {
        self.file = file
        self.ring = ring
        self.offset = offset
        self.length = length
        self.makesHoles = makesHoles
    }

    /// What is looked at for zeros at once: a page of the page cache.
    private static let zeroPiece = 4 << 10

    /// - Returns: how many bytes were written, holes not counted.
    /// - Throws: `host_failure`.
    package func run() throws(StorageError) -> UInt64 {
        Poll.blockBrokenPipeSignal()
        var moved: UInt64 = 0
        do throws(StorageError) {
            while let chunk = ring.waitForChunk() {
                guard let buffer = chunk.buffer else {
                    moved += try writeZeros(chunk)
                    continue
                }
                moved += try write(chunk, buffer)
                ring.release(buffer)
            }
            if makesHoles, !ring.isStopped { try file.extend(to: length) }
        } catch {
            ring.fail(error)
            throw error
        }
        return moved
    }

    private func write(_ chunk: TransferChunk, _ buffer: TransferBuffer) throws(StorageError) -> UInt64 {
        let all = chunk.start..<chunk.start + Int(chunk.length)
        let base = chunk.offset - offset
        guard makesHoles, isHole(from: base) else {
            try file.write(buffer, all, offset: base)
            return chunk.length
        }
        var moved: UInt64 = 0
        var lower = all.lowerBound
        while lower < all.upperBound {
            let isZero = buffer.isZero(piece(from: lower, in: all))
            var upper = piece(from: lower, in: all).upperBound
            while upper < all.upperBound, buffer.isZero(piece(from: upper, in: all)) == isZero {
                upper = piece(from: upper, in: all).upperBound
            }
            if !isZero {
                try file.write(buffer, lower..<upper, offset: base + UInt64(lower - all.lowerBound))
                moved += UInt64(upper - lower)
            }
            lower = upper
        }
        return moved
    }

    /// Writes what the storage had no data for.
    private func writeZeros(_ chunk: TransferChunk) throws(StorageError) -> UInt64 {
        var moved: UInt64 = 0
        var position = chunk.offset
        while position < chunk.end, !ring.isStopped {
            if makesHoles, isHole(from: position - offset) { break }
            let count = min(chunk.end - position, UInt64(SinkWriter.zeros.count))
            try file.write(SinkWriter.zeros, 0..<Int(count), offset: position - offset)
            position += count
            moved += count
        }
        return moved
    }

    /// Nobody writes to it.
    private static let zeros = TransferBuffer(count: 1 << 20)

    /// Whether what is left out there reads as zeros: only behind the end that the file had, where there is no old data.
    private func isHole(from base: UInt64) -> Bool {
        guard file.isRegular, let size = file.size else { return false }
        return file.position + Int64(base) >= size
    }

    private func piece(from lower: Int, in all: Range<Int>) -> Range<Int> {
        lower..<min(lower + SinkWriter.zeroPiece, all.upperBound)
    }
}
