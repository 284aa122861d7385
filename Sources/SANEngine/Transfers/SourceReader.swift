import SANHost
import SANModel

/// Reads the source of an upload into the ring, on a thread of its own.
package struct SourceReader: Sendable {
    private let file: TransferEnd
    private let ring: TransferRing
    private let geometry: TransferGeometry
    /// Where in the volume the first byte goes.
    private let offset: UInt64
    /// How many bytes there are; nil for all until the end, which must fit into the volume.
    private let length: UInt64?
    /// Hand zeros over as zeros.
    private let skipsZeros: Bool

    package init(
        file: TransferEnd, ring: TransferRing, geometry: TransferGeometry, offset: UInt64, length: UInt64?,
        skipsZeros: Bool
    ) {
        self.file = file
        self.ring = ring
        self.geometry = geometry
        self.offset = offset
        self.length = length
        self.skipsZeros = skipsZeros
    }

    /// What is looked at for zeros at once.
    private static let zeroPiece = 64 << 10
    /// The longest run of zeros that is handed over as one.
    private static let zeroRun: UInt64 = 1 << 30

    private var end: UInt64 { length.map { offset + $0 } ?? geometry.capacity }

    package func run() {
        do throws(StorageError) {
            try read()
            ring.end()
        } catch {
            ring.fail(error)
        }
    }

    private func read() throws(StorageError) {
        var position = offset
        var zeros = ZeroRun()
        while position < end {
            if let hole = holeEnd(at: position) {
                add(position..<hole, to: &zeros)
                position = hole
                continue
            }
            guard let buffer = ring.waitForFree() else { return }
            let start = Int(position % UInt64(geometry.blockSize))
            let wanted = Int(min(end, geometry.chunkEnd(after: position)) - position)
            let count = try fill(buffer, at: start, count: wanted, offset: position - offset)
            hand(TransferChunk(offset: position, length: UInt64(count), buffer: buffer, start: start), after: &zeros)
            position += UInt64(count)
            if count < wanted {
                try checkEnd(position)
                break
            }
        }
        flush(&zeros)
        if length == nil, position == geometry.capacity { try checkNothingFollows() }
    }

    // MARK: Reading

    /// Reads until the buffer has all of it, or the source ends.
    private func fill(
        _ buffer: TransferBuffer, at start: Int, count: Int, offset: UInt64
    ) throws(StorageError) -> Int {
        var done = 0
        while done < count {
            guard waitUntilReadable() else { return done }
            let read = try file.read(into: buffer, at: start + done, count: count - done, offset: offset + UInt64(done))
            if read == 0 { break }
            done += read
        }
        return done
    }

    /// Waits for a pipe's bytes in a way that a stop ends; false then.
    private func waitUntilReadable() -> Bool {
        guard !file.isSeekable, !file.isRegular else { return !ring.isStopped }
        while !ring.isStopped {
            let events = Poll.wait(
                [
                    .init(descriptor: file.pollDescriptor, events: Poll.readable),
                    .init(descriptor: ring.local.descriptor, events: Poll.readable),
                ], until: nil)
            if events[1] != 0 { ring.local.drain() }
            if events[0] != 0 { return true }
        }
        return false
    }

    private func checkEnd(_ position: UInt64) throws(StorageError) {
        guard length != nil, position < end, !ring.isStopped, file.isSeekable else { return }
        throw StorageError(
            .hostFailure, "'\(file.name)' became shorter while it was read: \(end - position) bytes are missing",
            subject: .path(file.name))
    }

    private func checkNothingFollows() throws(StorageError) {
        let probe = TransferBuffer(count: 1)
        guard waitUntilReadable(), try file.read(into: probe, at: 0, count: 1, offset: end - offset) > 0 else { return }
        throw StorageError(
            .invalidArgument,
            "'\(file.name)' is longer than the \(geometry.capacity - offset) bytes that the volume has room for",
            subject: .path(file.name))
    }

    // MARK: Zeros

    /// Where a hole of the source ends, in whole blocks; nil where there is data, or no hole can be found.
    private func holeEnd(at position: UInt64) -> UInt64? {
        guard skipsZeros, geometry.isAligned(position), let data = file.nextData(after: position - offset) else {
            return nil
        }
        let hole = geometry.roundedDown(min(end, offset + data))
        return hole > position ? hole : nil
    }

    private func hand(_ chunk: TransferChunk, after zeros: inout ZeroRun) {
        guard let buffer = chunk.buffer, chunk.length > 0 else {
            if let buffer = chunk.buffer { ring.release(buffer) }
            return
        }
        let data =
            skipsZeros && chunk.start == 0 ? dataRange(of: buffer, count: Int(chunk.length)) : 0..<Int(chunk.length)
        if data.lowerBound > 0 { add(chunk.offset..<chunk.offset + UInt64(data.lowerBound), to: &zeros) }
        if data.isEmpty {
            ring.release(buffer)
        } else {
            flush(&zeros)
            let offset = chunk.offset + UInt64(data.lowerBound)
            ring.hand(
                TransferChunk(
                    offset: offset, length: UInt64(data.count), buffer: buffer, start: chunk.start + data.lowerBound))
        }
        if data.upperBound < Int(chunk.length) { add(chunk.offset + UInt64(data.upperBound)..<chunk.end, to: &zeros) }
    }

    /// What is left of a chunk without the zeros before and behind, in whole blocks.
    private func dataRange(of buffer: TransferBuffer, count: Int) -> Range<Int> {
        let piece = max(SourceReader.zeroPiece, geometry.blockSize)
        var lower = 0
        while lower < count {
            let next = min(lower + piece, count)
            guard next.isMultiple(of: geometry.blockSize), buffer.isZero(lower..<next) else { break }
            lower = next
        }
        guard count.isMultiple(of: geometry.blockSize) else { return lower..<count }
        var upper = count
        while upper > lower {
            let previous = max(lower, (upper - 1) / piece * piece)
            guard buffer.isZero(previous..<upper) else { break }
            upper = previous
        }
        return lower..<upper
    }

    private struct ZeroRun {
        var range: Range<UInt64>?
    }

    private func add(_ range: Range<UInt64>, to zeros: inout ZeroRun) {
        let lower = zeros.range?.lowerBound ?? range.lowerBound
        zeros.range = lower..<range.upperBound
        if range.upperBound - lower >= SourceReader.zeroRun { flush(&zeros) }
    }

    private func flush(_ zeros: inout ZeroRun) {
        guard let range = zeros.range else { return }
        ring.hand(TransferChunk(offset: range.lowerBound, length: range.upperBound - range.lowerBound, buffer: nil))
        zeros.range = nil
    }
}
