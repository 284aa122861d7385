public import SANModel

/// VPD page 0xB0: how much a command may do at once (SBC-4, 6.6.4).
///
/// A limit that the unit doesn't give is nil.
public struct BlockLimits: Sendable, Hashable {
    public static let page: UInt8 = 0xB0

    /// In blocks, for one read or write.
    public let maximumTransfer: UInt32?
    /// In blocks, for one UNMAP; nil where it has no UNMAP.
    public let maximumUnmap: UInt32?
    /// In blocks.
    public let unmapGranularity: UInt32?
    /// In blocks, for one WRITE SAME.
    public let maximumWriteSame: UInt64?

    /// Nothing is known.
    public static let unknown = BlockLimits()

    private init() {
        maximumTransfer = nil
        maximumUnmap = nil
        unmapGranularity = nil
        maximumWriteSame = nil
    }

    /// - Throws: `backend_failure` for another page and for a length beyond the bytes.
    public init(_ bytes: [UInt8]) throws(StorageError) {
        let payload = try VitalProductPage(bytes, page: BlockLimits.page).payload
        /// Older units send a page that ends before the later fields.
        func field(_ offset: Int, _ count: Int) -> UInt64? {
            guard offset - 4 + count <= payload.count else { return nil }
            let value = payload[offset - 4..<offset - 4 + count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return value == 0 ? nil : value
        }
        maximumTransfer = field(8, 4).map { UInt32(truncatingIfNeeded: $0) }
        maximumUnmap = field(20, 4).map { UInt32(truncatingIfNeeded: $0) }
        unmapGranularity = field(28, 4).map { UInt32(truncatingIfNeeded: $0) }
        maximumWriteSame = field(36, 8)
    }
}
