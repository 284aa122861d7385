import SANEngine
import SANHost
import SANModel

/// Writes pieces to a unit with several commands under way, on the session's thread.
struct UnitWriter<Source: PieceSource> {
    /// What is with the target.
    private struct Piece {
        var chunk: TransferChunk
        /// How zeros are written; nil for data.
        var method: ZeroMethod?
    }

    private let connection: ISCSIConnection
    private let geometry: UnitGeometry
    private let patience: Duration
    private let report: (UInt64) -> Void
    private let verify: (ISCSIConnection) throws(StorageError) -> Void
    private(set) var source: Source

    /// What is left to try for zeros; the first is in use.
    private var methods: [ZeroMethod]
    private var inFlight: [Int: Piece] = [:]
    /// Pieces to send again.
    private var retries: [Piece] = []
    /// Zeros that haven't been sent.
    private var zeros: [TransferChunk] = []
    private var nextTag = 1
    private var mustVerify = false
    private var hasEnded = false
    private var failure: StorageError?
    private var failedAt = UInt64.max
    private var begin: UInt64?
    private var taken: UInt64 = 0
    private var reported: UInt64 = 0
    private var moved: UInt64 = 0
    private let zeroBlock: TransferBuffer
    private var zeroChunk: TransferBuffer?

    /// - Parameters:
    ///   - methods: ways to write zeros, the best first.
    ///   - patience: how long the target may bring nothing to an end.
    ///   - verify: checks that the unit is still the same one, after it said that something changed.
    ///   - report: hears how many bytes are safe.
    init(
        _ source: Source, to geometry: UnitGeometry, on connection: ISCSIConnection, methods: [ZeroMethod],
        patience: Duration, verify: @escaping (ISCSIConnection) throws(StorageError) -> Void,
        report: @escaping (UInt64) -> Void
    ) {
        self.source = source
        self.geometry = geometry
        self.connection = connection
        self.methods = methods
        self.patience = patience
        self.verify = verify
        self.report = report
        zeroBlock = TransferBuffer(count: geometry.blockSize)
    }

    /// Writes all pieces and flushes the unit's cache.
    ///
    /// - Returns: bytes covered, and bytes really sent.
    /// - Throws: `cancelled`, the source's failure, the unit's, `timed_out`, `unavailable`; ``safe`` tells how far it came.
    mutating func run() throws(StorageError) -> (covered: UInt64, moved: UInt64) {
        while try advance() {}
        try flush()
        if let failure { throw failure }
        report(safe)
        return (safe, moved)
    }

    /// How many bytes from the first on have been written.
    var safe: UInt64 {
        guard let begin else { return 0 }
        let open = (inFlight.values.map(\.chunk) + retries.map(\.chunk) + zeros).map(\.offset)
        // The first chunk's block begins before it where its edge was read from the unit.
        return max(begin, min(open.min() ?? .max, failedAt, taken)) - begin
    }

    /// One round; false at the end.
    private mutating func advance() throws(StorageError) -> Bool {
        if connection.stop.isRequested, failure == nil {
            failure = StorageError(.cancelled, "The transfer was cancelled")
        }
        if mustVerify, inFlight.isEmpty, failure == nil { try verifyAgain() }
        if failure == nil, !mustVerify { try fill() }
        if inFlight.isEmpty {
            if failure != nil || (hasEnded && retries.isEmpty && zeros.isEmpty) { return false }
            if mustVerify { return true }
        }
        for outcome in try connection.wait(patience: patience) { complete(outcome) }
        let done = safe
        if done >= reported + 1 << 20 {
            reported = done
            report(done)
        }
        return true
    }

    private mutating func verifyAgain() throws(StorageError) {
        mustVerify = false
        do throws(StorageError) {
            try verify(connection)
        } catch {
            if connection.isLost { throw error }
            failure = error
        }
    }

    // MARK: Sending

    private mutating func fill() throws(StorageError) {
        while inFlight.count < UnitGeometry.window, failure == nil, !mustVerify {
            if let piece = retries.popLast() {
                send(piece)
            } else if let run = zeros.popLast() {
                sendZeros(run)
            } else {
                guard try take() else { return }
            }
        }
    }

    /// Takes a piece from the source; false where there is none at the moment.
    private mutating func take() throws(StorageError) -> Bool {
        guard !hasEnded else { return false }
        switch source.next() {
        case .wait: return false
        case .ended: hasEnded = true
        case .failed(let error): failure = error
        case .chunk(let chunk):
            if begin == nil { begin = chunk.offset }
            if chunk.buffer == nil {
                taken = chunk.end
                zeros.append(chunk)
            } else {
                // Not safe while its edges are being read.
                failedAt = chunk.offset
                let whole = try completed(chunk)
                failedAt = failure == nil ? .max : min(failedAt, chunk.offset)
                taken = chunk.end
                if failure == nil { send(Piece(chunk: whole, method: nil)) }
            }
        }
        return failure == nil && !hasEnded
    }

    private mutating func sendZeros(_ run: TransferChunk) {
        guard let method = methods.first else {
            zeros.append(run)
            failure = StorageError(.unsupported, "LUN \(geometry.lun) can't deallocate blocks")
            return
        }
        let length = min(run.length, geometry.runLength(method))
        if length < run.length {
            zeros.append(TransferChunk(offset: run.offset + length, length: run.length - length, buffer: nil))
        }
        send(Piece(chunk: TransferChunk(offset: run.offset, length: length, buffer: nil), method: method))
    }

    private mutating func send(_ piece: Piece) {
        let block = geometry.block(piece.chunk.offset)
        let count = UInt32(clamping: geometry.block(piece.chunk.length))
        let size = geometry.blockSize
        var request: ISCSIConnection.Request
        switch piece.method {
        case nil:
            request = .init(
                lun: geometry.word, command: .write16(block: block, count: count, blockSize: size), tag: nextTag)
            request.buffer = piece.chunk.buffer
            request.offset = piece.chunk.start
        case .write?:
            request = .init(
                lun: geometry.word, command: .write16(block: block, count: count, blockSize: size), tag: nextTag)
            request.buffer = wholeChunkOfZeros()
        case .writeSame(let deallocates)?:
            request = .init(
                lun: geometry.word,
                command: .writeSame16(block: block, count: count, blockSize: size, deallocates: deallocates),
                tag: nextTag)
            request.buffer = zeroBlock
        case .unmap?:
            request = .init(lun: geometry.word, command: .unmap, tag: nextTag)
            request.buffer = TransferBuffer(SCSICommand.unmapParameters(block: block, count: count))
        }
        request.returnsIdentityChange = true
        inFlight[nextTag] = piece
        nextTag += 1
        connection.submit(request)
    }

    private mutating func wholeChunkOfZeros() -> TransferBuffer {
        if let zeroChunk { return zeroChunk }
        let buffer = TransferBuffer(count: geometry.chunk)
        zeroChunk = buffer
        return buffer
    }

    // MARK: Edges

    /// The chunk with whole blocks: what the source doesn't have of its first and last block is read from the unit.
    private mutating func completed(_ chunk: TransferChunk) throws(StorageError) -> TransferChunk {
        guard let buffer = chunk.buffer else { return chunk }
        let size = geometry.blockSize
        let lower = chunk.start / size * size
        let head = lower..<chunk.start
        let end = chunk.start + Int(chunk.length)
        let upper = (end + size - 1) / size * size
        let base = chunk.offset - UInt64(head.count)
        if !head.isEmpty { try patch(buffer, head, fromBlockAt: base, blockStart: lower) }
        if end < upper, failure == nil {
            let blockStart = upper - size
            try patch(buffer, end..<upper, fromBlockAt: base + UInt64(blockStart - lower), blockStart: blockStart)
        }
        return TransferChunk(offset: base, length: UInt64(upper - lower), buffer: buffer, start: lower)
    }

    private mutating func patch(
        _ buffer: TransferBuffer, _ range: Range<Int>, fromBlockAt offset: UInt64, blockStart: Int
    ) throws(StorageError) {
        let command = SCSICommand.read16(block: geometry.block(offset), count: 1, blockSize: geometry.blockSize)
        connection.submit(.init(lun: geometry.word, command: command, tag: 0))
        var isRead = false
        while !isRead {
            // Writes may end in the same round.
            for outcome in try connection.wait(patience: patience) {
                guard outcome.request.tag == 0 else {
                    complete(outcome)
                    continue
                }
                isRead = true
                if let error = outcome.failure {
                    failure = error.error(command.name, unit: "LUN \(geometry.lun)")
                } else {
                    copy(outcome.data, range, blockStart: blockStart, to: buffer)
                }
            }
        }
    }

    private func copy(_ block: [UInt8], _ range: Range<Int>, blockStart: Int, to buffer: TransferBuffer) {
        guard block.count == geometry.blockSize else { return }
        let part = Array(block[range.lowerBound - blockStart..<range.upperBound - blockStart])
        unsafe buffer.withBytes { memory in
            unsafe UnsafeMutableRawBufferPointer(rebasing: memory[range]).copyBytes(from: part)
        }
    }

    // MARK: Completions

    private mutating func complete(_ outcome: ISCSIConnection.Outcome) {
        guard let piece = inFlight.removeValue(forKey: outcome.request.tag) else { return }
        guard let error = outcome.failure else {
            if let buffer = piece.chunk.buffer { source.release(buffer) }
            if piece.method == nil || piece.method == .write { moved += piece.chunk.length }
            return
        }
        if error.isUnitAttention, error.sense?.invalidatesIdentity == true {
            mustVerify = true
            retries.append(piece)
        } else if let method = piece.method, error.isUnsupported, method != .write {
            methods.removeAll { $0 == method }
            // Another method has its own length.
            zeros.append(piece.chunk)
        } else {
            failedAt = min(failedAt, piece.chunk.offset)
            if failure == nil { failure = error.error(outcome.request.command.name, unit: "LUN \(geometry.lun)") }
        }
    }

    // MARK: Flushing

    /// Has the unit put everything on its medium; a unit that doesn't know the command has no cache.
    private mutating func flush() throws(StorageError) {
        guard begin != nil, !methods.contains(.unmap) else { return }
        connection.submit(.init(lun: geometry.word, command: .synchronizeCache, tag: 0))
        var outcome: ISCSIConnection.Outcome?
        while outcome == nil { outcome = try connection.wait(patience: patience).first }
        guard let error = outcome?.failure, !error.isUnsupported else { return }
        failedAt = begin ?? 0
        if failure == nil { failure = error.error(SCSICommand.synchronizeCache.name, unit: "LUN \(geometry.lun)") }
    }
}
