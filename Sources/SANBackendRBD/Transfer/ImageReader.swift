import SANEngine
import SANHost
import SANModel

/// Reads a range of an image with several requests under way.
struct ImageReader<Sink: ChunkSink> {
    private let queue: ImageQueue
    private let geometry: TransferGeometry
    private let range: Range<UInt64>
    private let stop: StopRequest
    private let patience: Duration
    private let report: (UInt64) -> Void
    private var sink: Sink

    private var position: UInt64
    private var inFlight: [Int: TransferChunk] = [:]
    /// What has come before its turn.
    private var early: [UInt64: TransferChunk] = [:]
    private var delivered: UInt64
    private var nextTag = 1
    private var reported: UInt64 = 0
    private var failure: StorageError?

    init(
        _ range: Range<UInt64>, _ geometry: TransferGeometry, of queue: ImageQueue, to sink: Sink, stop: StopRequest,
        patience: Duration, report: @escaping (UInt64) -> Void
    ) {
        self.range = range
        self.geometry = geometry
        self.queue = queue
        self.sink = sink
        self.stop = stop
        self.patience = patience
        self.report = report
        position = range.lowerBound
        delivered = range.lowerBound
    }

    /// - Throws: `cancelled`, the cluster's failure, the sink's, `timed_out`.
    mutating func run() throws(StorageError) {
        while true {
            if failure == nil, stop.isRequested { failure = StorageError(.cancelled, "The transfer was cancelled") }
            if failure == nil { failure = sink.failure }
            if failure == nil { fill() }
            if inFlight.isEmpty, failure != nil || position >= range.upperBound { break }
            for outcome in try queue.wait(patience: patience) { complete(outcome) }
            if delivered - range.lowerBound >= reported + 1 << 20 {
                reported = delivered - range.lowerBound
                report(reported)
            }
        }
        if let failure { throw failure }
    }

    private mutating func fill() {
        while inFlight.count < ImageQueue.window, position < range.upperBound, let buffer = sink.takeBuffer() {
            let end = min(range.upperBound, geometry.chunkEnd(after: position))
            let chunk = TransferChunk(offset: position, length: end - position, buffer: buffer)
            inFlight[nextTag] = chunk
            queue.submit(.read(chunk), tag: nextTag)
            nextTag += 1
            position = end
        }
    }

    private mutating func complete(_ outcome: ImageQueue.Outcome) {
        guard let chunk = inFlight.removeValue(forKey: outcome.tag), failure == nil else { return }
        if outcome.result < 0 {
            failure = CephFailure(outcome.result).error(cannot: "read from the image at \(chunk.offset)")
        } else if UInt64(outcome.result) != chunk.length {
            failure = StorageError(
                .backendFailure,
                "The image gave \(outcome.result) of \(chunk.length) bytes at \(chunk.offset): it became smaller")
        } else if sink.isOrdered {
            early[chunk.offset] = chunk
            while let next = early.removeValue(forKey: delivered) { deliver(next) }
        } else {
            deliver(chunk)
        }
    }

    private mutating func deliver(_ chunk: TransferChunk) {
        delivered += chunk.length
        do throws(StorageError) {
            try sink.deliver(chunk)
        } catch {
            failure = error
        }
    }
}
