import SANEngine
import SANHost
import SANModel

/// Reads a range of a unit with several commands under way, on the session's thread.
struct UnitReader<Sink: ChunkSink> {
    private let connection: ISCSIConnection
    private let geometry: UnitGeometry
    private let range: Range<UInt64>
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
        _ range: Range<UInt64>, of geometry: UnitGeometry, on connection: ISCSIConnection, to sink: Sink,
        patience: Duration, report: @escaping (UInt64) -> Void
    ) {
        self.range = range
        self.geometry = geometry
        self.connection = connection
        self.sink = sink
        self.patience = patience
        self.report = report
        position = range.lowerBound
        delivered = range.lowerBound
    }

    /// - Throws: `cancelled`, the unit's failure, the sink's, `timed_out`, `unavailable`.
    mutating func run() throws(StorageError) {
        while true {
            if failure == nil, connection.stop.isRequested {
                failure = StorageError(.cancelled, "The transfer was cancelled")
            }
            if failure == nil { failure = sink.failure }
            if failure == nil { fill() }
            if inFlight.isEmpty, failure != nil || position >= range.upperBound { break }
            for outcome in try connection.wait(patience: patience) { try complete(outcome) }
            if delivered - range.lowerBound >= reported + 1 << 20 {
                reported = delivered - range.lowerBound
                report(reported)
            }
        }
        if let failure { throw failure }
    }

    private mutating func fill() {
        while inFlight.count < UnitGeometry.window, position < range.upperBound, let buffer = sink.takeBuffer() {
            let end = min(range.upperBound, geometry.chunkEnd(after: position))
            let base = geometry.roundedDown(position)
            let blocks = geometry.block(end - base + UInt64(geometry.blockSize) - 1)
            let command = SCSICommand.read16(
                block: geometry.block(base), count: UInt32(clamping: blocks), blockSize: geometry.blockSize)
            connection.submit(.init(lun: geometry.word, command: command, buffer: buffer, tag: nextTag))
            inFlight[nextTag] = TransferChunk(
                offset: position, length: end - position, buffer: buffer, start: Int(position - base))
            nextTag += 1
            position = end
        }
    }

    private mutating func complete(_ outcome: ISCSIConnection.Outcome) throws(StorageError) {
        guard let chunk = inFlight.removeValue(forKey: outcome.request.tag) else { return }
        let command = outcome.request.command
        if let error = outcome.failure {
            if failure == nil { failure = error.error(command.name, unit: "LUN \(geometry.lun)") }
            return
        }
        guard outcome.moved == command.length else {
            if failure == nil {
                failure = StorageError(
                    .backendFailure,
                    "LUN \(geometry.lun) gave \(outcome.moved) of \(command.length) bytes for a \(command.name)")
            }
            return
        }
        guard failure == nil else { return }
        if sink.isOrdered {
            early[chunk.offset] = chunk
            while let next = early.removeValue(forKey: delivered) { try deliver(next) }
        } else {
            try deliver(chunk)
        }
    }

    private mutating func deliver(_ chunk: TransferChunk) throws(StorageError) {
        delivered += chunk.length
        do throws(StorageError) {
            try sink.deliver(chunk)
        } catch {
            failure = error
        }
    }
}
