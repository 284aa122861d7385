import SANModel

/// Compares what is read with the byte that every pass before should have left.
struct VerifySink: ChunkSink {
    let expected: UInt8
    let lun: LogicalUnitNumber
    private var free: [TransferBuffer]

    init(expected: UInt8, geometry: UnitGeometry) {
        self.expected = expected
        lun = geometry.lun
        free = (0..<UnitGeometry.window).map { _ in TransferBuffer(count: geometry.chunk) }
    }

    var isOrdered: Bool { false }
    var failure: StorageError? { nil }

    mutating func takeBuffer() -> TransferBuffer? { free.popLast() }

    mutating func deliver(_ chunk: TransferChunk) throws(StorageError) {
        guard let buffer = chunk.buffer else { return }
        defer { free.append(buffer) }
        guard !buffer.repeats(expected, count: Int(chunk.length)) else { return }
        throw StorageError(
            .backendFailure,
            "LUN \(lun) didn't keep what was written: there are other bytes than \(expected) between \(chunk.offset) and \(chunk.end)"
        )
    }
}
