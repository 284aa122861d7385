import SANModel

/// Compares what is read with the byte that every pass before should have left.
package struct VerifySink: ChunkSink {
    private let expected: UInt8
    private let unit: String
    private var free: [TransferBuffer]

    /// - Parameters:
    ///   - unit: for the message: `LUN 3`.
    ///   - window: how many reads are under way at once.
    package init(expected: UInt8, of unit: String, _ geometry: TransferGeometry, window: Int) {
        self.expected = expected
        self.unit = unit
        free = (0..<window).map { _ in TransferBuffer(count: geometry.chunk) }
    }

    package var isOrdered: Bool { false }
    package var failure: StorageError? { nil }

    package mutating func takeBuffer() -> TransferBuffer? { free.popLast() }

    package mutating func deliver(_ chunk: TransferChunk) throws(StorageError) {
        guard let buffer = chunk.buffer else { return }
        defer { free.append(buffer) }
        guard !buffer.repeats(expected, count: Int(chunk.length)) else { return }
        throw StorageError(
            .backendFailure,
            "\(unit) didn't keep what was written: there are other bytes than \(expected) between \(chunk.offset) and \(chunk.end)"
        )
    }
}
