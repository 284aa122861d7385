/// How a volume's bytes are counted while they move.
package struct TransferGeometry: Sendable, Hashable {
    /// In bytes; reads and writes of the storage are whole numbers of it.
    package let blockSize: Int
    /// In bytes.
    package let capacity: UInt64
    /// The bytes of one read or write: whole blocks.
    package let chunk: Int

    package init(blockSize: Int, capacity: UInt64, chunk: Int) {
        self.blockSize = blockSize
        self.capacity = capacity
        self.chunk = chunk
    }

    /// The block that a byte is in.
    package func block(_ offset: UInt64) -> UInt64 { offset / UInt64(blockSize) }

    package func isAligned(_ offset: UInt64) -> Bool { offset.isMultiple(of: UInt64(blockSize)) }

    /// The last block boundary up to here.
    package func roundedDown(_ offset: UInt64) -> UInt64 { offset - offset % UInt64(blockSize) }

    /// The first block boundary from here on.
    package func roundedUp(_ offset: UInt64) -> UInt64 {
        let rest = offset % UInt64(blockSize)
        return rest == 0 ? offset : offset + UInt64(blockSize) - rest
    }

    /// The end of the chunk that a byte is in; chunks are counted from the volume's beginning.
    package func chunkEnd(after offset: UInt64) -> UInt64 { (offset / UInt64(chunk) + 1) * UInt64(chunk) }
}
