public import SANModel

/// VPD page 0xB2: how a unit deallocates blocks (SBC-4, 6.6.7).
public struct LogicalBlockProvisioning: Sendable, Hashable {
    public static let page: UInt8 = 0xB2

    /// UNMAP works (LBPU).
    public let unmaps: Bool
    /// WRITE SAME(16) with the UNMAP bit works (LBPWS).
    public let unmapsByWriteSame: Bool
    /// Deallocated blocks read as zeros (LBPRZ).
    public let readsZeros: Bool

    /// It deallocates nothing.
    public static let none = LogicalBlockProvisioning()

    private init() {
        unmaps = false
        unmapsByWriteSame = false
        readsZeros = false
    }

    /// - Throws: `backend_failure` for another page and for a length beyond the bytes.
    public init(_ bytes: [UInt8]) throws(StorageError) {
        let payload = try VitalProductPage(bytes, page: LogicalBlockProvisioning.page).payload
        let flags = try PayloadReader(bytes: payload, what: "VPD page 0xb2").byte(at: 1)
        unmaps = flags & 0x80 != 0
        unmapsByWriteSame = flags & 0x40 != 0
        readsZeros = flags & 0x04 != 0
    }
}
