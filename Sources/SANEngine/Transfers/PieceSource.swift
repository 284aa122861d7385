import SANModel

/// Where a writer's pieces come from, in the order of their offsets.
package protocol PieceSource {
    mutating func next() -> TransferRing.Next
    /// A buffer that the writer is done with.
    mutating func release(_ buffer: TransferBuffer)
}

/// The pieces of an upload.
package struct RingSource: PieceSource {
    private let ring: TransferRing

    package init(ring: TransferRing) {
        self.ring = ring
    }

    package func next() -> TransferRing.Next { ring.next() }
    package func release(_ buffer: TransferBuffer) { ring.release(buffer) }
}
