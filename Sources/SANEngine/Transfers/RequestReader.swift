import SANHost
import SANModel

/// Reads a range of a volume with several requests under way.
package struct RequestReader<Sink: ChunkSink> {
    private let queue: RequestQueue
    private let geometry: TransferGeometry
    private let range: Range<UInt64>
    private let stop: StopRequest
    private let patience: Duration
    private let report: (UInt64) -> Void
    private var sink: Sink

    private var position: UInt64
    /// Data that hasn't been read, in order, behind the position.
    private var found: [Range<UInt64>] = []
    /// Up to where data has been looked for.
    private var searched: UInt64
    private var isSearching = false
    private var inFlight: [Int: TransferChunk] = [:]
    /// What has come before its turn.
    private var early: [UInt64: TransferChunk] = [:]
    private var delivered: UInt64
    private var nextTag = 1
    private var reported: UInt64 = 0
    private var failure: StorageError?

    /// - Parameter skipsHoles: hand what the storage says is a hole over as zeros, without a buffer.
    package init(
        _ range: Range<UInt64>, _ geometry: TransferGeometry, of queue: RequestQueue, to sink: Sink,
        skipsHoles: Bool = false, stop: StopRequest, patience: Duration, report: @escaping (UInt64) -> Void
    ) {
        self.range = range
        self.geometry = geometry
        self.queue = queue
        self.sink = sink
        self.stop = stop
        self.patience = patience
        self.report = report
        position = range.lowerBound
        searched = skipsHoles ? range.lowerBound : range.upperBound
        found = skipsHoles ? [] : [range]
        delivered = range.lowerBound
    }

    /// - Throws: `cancelled`, the storage's failure, the sink's, `timed_out`.
    package mutating func run() throws(StorageError) {
        while true {
            if failure == nil, stop.isRequested { failure = StorageError(.cancelled, "The transfer was cancelled") }
            if failure == nil { failure = sink.failure }
            if failure == nil { fill() }
            if inFlight.isEmpty, !isSearching, failure != nil || position >= range.upperBound { break }
            for outcome in try queue.wait(patience: patience) { complete(outcome) }
            if delivered - range.lowerBound >= reported + 1 << 20 {
                reported = delivered - range.lowerBound
                report(reported)
            }
        }
        if let failure { throw failure }
    }

    /// The tag of a search; requests count from 1.
    private static var search: Int { 0 }
    /// How much is searched at once: small enough to end within any patience.
    private static var searchLength: UInt64 { 1 << 30 }

    private mutating func fill() {
        while !isSearching, position < range.upperBound {
            // What lies before the next data, or behind the last, is a hole.
            let data = found.first?.lowerBound ?? searched
            if position < data {
                take(TransferChunk(offset: position, length: data - position, buffer: nil))
                position = data
            } else if found.isEmpty {
                isSearching = true
                queue.search(searched..<searchEnd, tag: Self.search)
            } else {
                guard read() else { return }
            }
        }
    }

    /// Reads the next chunk of data; false where nothing can be read at the moment.
    private mutating func read() -> Bool {
        guard let data = found.first, inFlight.count < RequestQueue.window, let buffer = sink.takeBuffer() else {
            return false
        }
        let end = min(data.upperBound, geometry.chunkEnd(after: position))
        let chunk = TransferChunk(
            offset: position, length: end - position, buffer: buffer,
            start: Int(position - geometry.roundedDown(position)))
        inFlight[nextTag] = chunk
        queue.submit(.read(chunk), tag: nextTag)
        nextTag += 1
        position = end
        if end == data.upperBound { found.removeFirst() }
        return true
    }

    private mutating func complete(_ outcome: RequestQueue.Outcome) {
        if outcome.tag == Self.search { return endSearch(outcome) }
        guard let chunk = inFlight.removeValue(forKey: outcome.tag), failure == nil else { return }
        if let error = outcome.failure {
            failure = error
        } else {
            take(chunk)
        }
    }

    private mutating func endSearch(_ outcome: RequestQueue.Outcome) {
        isSearching = false
        if failure == nil { failure = outcome.failure }
        found = outcome.data
        searched = searchEnd
    }

    private var searchEnd: UInt64 {
        min((searched / Self.searchLength + 1) * Self.searchLength, range.upperBound)
    }

    /// Hands a chunk on when it is its turn.
    private mutating func take(_ chunk: TransferChunk) {
        if sink.isOrdered {
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
