import SANEngine
import SANHost
import SANModel

/// Writes pieces to an image with several requests under way.
struct ImageWriter<Source: PieceSource> {
    private let queue: ImageQueue
    private let stop: StopRequest
    private let patience: Duration
    private let report: (UInt64) -> Void
    /// How zeros that a source left out are written.
    private let method: ImageQueue.ZeroMethod
    private var source: Source

    private var inFlight: [Int: TransferChunk] = [:]
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

    init(
        _ source: Source, to queue: ImageQueue, zerosBy method: ImageQueue.ZeroMethod, stop: StopRequest,
        patience: Duration, report: @escaping (UInt64) -> Void
    ) {
        self.source = source
        self.queue = queue
        self.method = method
        self.stop = stop
        self.patience = patience
        self.report = report
    }

    /// Writes all pieces, and has librbd put out what it holds back.
    ///
    /// - Returns: bytes covered, and bytes really sent.
    /// - Throws: `cancelled`, the source's failure, the cluster's, `timed_out`; ``safe`` tells how far it came.
    mutating func run() throws(StorageError) -> (covered: UInt64, moved: UInt64) {
        do throws(StorageError) {
            while try advance() {}
            try flush()
        } catch {
            // Nothing was flushed: what is safe isn't known.
            failedAt = begin ?? 0
            throw error
        }
        if let failure { throw failure }
        report(safe)
        return (safe, moved)
    }

    /// How many bytes from the first on have been written.
    var safe: UInt64 {
        guard let begin else { return 0 }
        let open = (Array(inFlight.values) + zeros).map(\.offset)
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
        while inFlight.count < ImageQueue.window, failure == nil {
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
                    if chunk.buffer == nil { zeros.append(chunk) } else { send(chunk, .write(chunk)) }
                }
            }
        }
    }

    private mutating func sendZeros(_ run: TransferChunk) {
        let length = min(run.length, method.runLength)
        if length < run.length {
            zeros.append(TransferChunk(offset: run.offset + length, length: run.length - length, buffer: nil))
        }
        let chunk = TransferChunk(offset: run.offset, length: length, buffer: nil)
        send(chunk, .zero(chunk.offset..<chunk.end, method))
    }

    private mutating func send(_ chunk: TransferChunk, _ request: ImageQueue.Request) {
        inFlight[nextTag] = chunk
        queue.submit(request, tag: nextTag)
        nextTag += 1
    }

    private mutating func complete(_ outcome: ImageQueue.Outcome) {
        guard let chunk = inFlight.removeValue(forKey: outcome.tag) else { return }
        if outcome.result < 0 {
            failedAt = min(failedAt, chunk.offset)
            if failure == nil {
                failure = CephFailure(outcome.result).error(cannot: "write to the image at \(chunk.offset)")
            }
        } else if let buffer = chunk.buffer {
            source.release(buffer)
            moved += chunk.length
        } else if method == .write {
            moved += chunk.length
        }
    }

    /// Also after a failure, so that what is said to be safe is.
    private mutating func flush() throws(StorageError) {
        guard begin != nil else { return }
        queue.submit(.flush, tag: 0)
        var outcomes: [ImageQueue.Outcome] = []
        while outcomes.isEmpty { outcomes = try queue.wait(patience: patience) }
        guard let result = outcomes.first?.result, result < 0 else { return }
        failedAt = begin ?? 0
        if failure == nil { failure = CephFailure(result).error(cannot: "flush the image") }
    }
}
