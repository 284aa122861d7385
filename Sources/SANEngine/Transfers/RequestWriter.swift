import SANHost
import SANModel

/// Writes pieces to a volume with several requests under way.
package struct RequestWriter<Source: PieceSource> {
    private struct Piece {
        var chunk: TransferChunk
        /// How zeros are written; nil for data.
        var method: StorageRequest.Zeroing?
    }

    private let queue: RequestQueue
    private let stop: StopRequest
    private let patience: Duration
    private let report: (UInt64) -> Void
    private var source: Source
    /// What is left to try for zeros; the first is in use.
    private var methods: [StorageRequest.Zeroing]

    private var inFlight: [Int: Piece] = [:]
    /// Zeros that haven't been sent.
    private var zeros: [TransferChunk] = []
    private var nextTag = 1
    private var hasEnded = false
    private var failure: StorageError?
    private var failedAt = UInt64.max
    private var begin: UInt64?
    private var taken: UInt64 = 0
    private var reported: UInt64 = 0
    private var moved: UInt64 = 0

    /// - Parameters:
    ///   - methods: ways to write zeros, the best first.
    ///   - patience: how long one request may take.
    ///   - report: hears how many bytes have been written.
    package init(
        _ source: Source, to queue: RequestQueue, methods: [StorageRequest.Zeroing], stop: StopRequest,
        patience: Duration,
        report: @escaping (UInt64) -> Void
    ) {
        self.source = source
        self.queue = queue
        self.methods = methods
        self.stop = stop
        self.patience = patience
        self.report = report
    }

    /// Writes all pieces, and has the storage put them on its medium.
    ///
    /// - Returns: bytes covered, and bytes really sent.
    /// - Throws: `cancelled`, the source's failure, the storage's, `timed_out`; ``safe`` tells how far it came.
    package mutating func run() throws(StorageError) -> (covered: UInt64, moved: UInt64) {
        do throws(StorageError) {
            while try advance() {}
            try flush()
        } catch {
            // Nothing was flushed: what is on the medium isn't known.
            failedAt = begin ?? 0
            throw error
        }
        if let failure { throw failure }
        report(safe)
        return (safe, moved)
    }

    /// How many bytes from the first on have been written.
    package var safe: UInt64 {
        guard let begin else { return 0 }
        let open = (inFlight.values.map(\.chunk) + zeros).map(\.offset)
        return max(begin, min(open.min() ?? .max, failedAt, taken)) - begin
    }

    /// One round; false at the end.
    private mutating func advance() throws(StorageError) -> Bool {
        if stop.isRequested, failure == nil { failure = StorageError(.cancelled, "The transfer was cancelled") }
        if failure == nil { fill() }
        if inFlight.isEmpty, failure != nil || (hasEnded && zeros.isEmpty) { return false }
        for outcome in try queue.wait(patience: patience) { complete(outcome) }
        let done = safe
        if done >= reported + 1 << 20 {
            reported = done
            report(done)
        }
        return true
    }

    private mutating func fill() {
        while inFlight.count < RequestQueue.window, failure == nil {
            if let run = zeros.popLast() {
                sendZeros(run)
            } else if hasEnded {
                return
            } else {
                switch source.next() {
                case .wait: return
                case .ended: hasEnded = true
                case .failed(let error): failure = error
                case .chunk(let chunk):
                    if begin == nil { begin = chunk.offset }
                    taken = chunk.end
                    chunk.buffer == nil ? zeros.append(chunk) : send(Piece(chunk: chunk), .write(chunk))
                }
            }
        }
    }

    private mutating func sendZeros(_ run: TransferChunk) {
        let method = methods.first ?? .write
        let length = min(run.length, method.runLength)
        if length < run.length {
            zeros.append(TransferChunk(offset: run.offset + length, length: run.length - length, buffer: nil))
        }
        let chunk = TransferChunk(offset: run.offset, length: length, buffer: nil)
        send(Piece(chunk: chunk, method: method), .zero(chunk.offset..<chunk.end, method))
    }

    private mutating func send(_ piece: Piece, _ request: StorageRequest) {
        inFlight[nextTag] = piece
        queue.submit(request, tag: nextTag)
        nextTag += 1
    }

    private mutating func complete(_ outcome: RequestQueue.Outcome) {
        guard let piece = inFlight.removeValue(forKey: outcome.tag) else { return }
        guard let error = outcome.failure else {
            if let buffer = piece.chunk.buffer { source.release(buffer) }
            moved += outcome.written
            return
        }
        if piece.method == .punch, error.code == .unsupported {
            methods.removeAll { $0 == .punch }
            zeros.append(piece.chunk)
        } else {
            failedAt = min(failedAt, piece.chunk.offset)
            if failure == nil { failure = error }
        }
    }

    /// Also after a failure, so that what is said to be safe is.
    private mutating func flush() throws(StorageError) {
        guard begin != nil else { return }
        queue.submit(.flush, tag: 0)
        var outcomes: [RequestQueue.Outcome] = []
        while outcomes.isEmpty { outcomes = try queue.wait(patience: patience) }
        guard let error = outcomes.first?.failure else { return }
        failedAt = begin ?? 0
        if failure == nil { failure = error }
    }
}
