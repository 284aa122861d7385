import SANModel

/// Where a reader's chunks go.
package protocol ChunkSink {
    /// Chunks must come in the order of their offsets.
    var isOrdered: Bool { get }
    /// Why it takes no more; nil while it does.
    var failure: StorageError? { get }
    /// Nil where all buffers are under way: the storage's wake signal tells when that changes.
    mutating func takeBuffer() -> TransferBuffer?
    mutating func deliver(_ chunk: TransferChunk) throws(StorageError)
}

/// The sink of a download.
package struct RingSink: ChunkSink {
    private let ring: TransferRing
    package let isOrdered: Bool

    package init(ring: TransferRing, isOrdered: Bool) {
        self.ring = ring
        self.isOrdered = isOrdered
    }

    package var failure: StorageError? { ring.failure }
    package func takeBuffer() -> TransferBuffer? { ring.takeFree() }
    package func deliver(_ chunk: TransferChunk) { ring.hand(chunk) }
}
