public import SANModel

/// What READ CAPACITY(16) says of a disk (SBC-4, 5.20.2).
public struct ReadCapacity: Sendable, Hashable {
    /// The number of blocks: the last block's address plus one.
    public let blocks: UInt64
    /// In bytes, a power of two from 512 to 65536.
    public let blockSize: UInt32
    /// Blocks can be deallocated (LBPME).
    public let isProvisioned: Bool
    /// Deallocated blocks read as zeros (LBPRZ).
    public let readsZeros: Bool
    public let capacity: ByteCount

    /// - Throws: `backend_failure` for a short answer, a block size that no disk has, and a size over 2^64 - 1 bytes.
    public init(_ bytes: [UInt8]) throws(StorageError) {
        let reader = PayloadReader(bytes: bytes, what: "READ CAPACITY(16) data")
        let last = try reader.integer(at: 0, bytes: 8)
        let size = UInt32(truncatingIfNeeded: try reader.integer(at: 8, bytes: 4))
        let flags = try reader.byte(at: 14)
        guard (512...65_536).contains(size), size.nonzeroBitCount == 1 else {
            throw reader.malformed("a block size of \(size) bytes")
        }
        let (blocks, overflow) = last.addingReportingOverflow(1)
        guard !overflow, let capacity = ByteCount(blocks).multiplied(by: UInt64(size)) else {
            throw reader.malformed("a last block of \(last)")
        }
        self.blocks = blocks
        blockSize = size
        self.capacity = capacity
        isProvisioned = flags & 0x80 != 0
        readsZeros = flags & 0x40 != 0
    }
}
