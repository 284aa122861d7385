/// A SCSI logical unit number: the eight bytes of SAM-5, 4.7, that REPORT LUNS gives.
public struct LogicalUnitNumber: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The eight bytes, the first of them highest.
    public let raw: UInt64

    public init(raw: UInt64) {
        self.raw = raw
    }

    /// The LUN's number in the way hosts print it: 8-bit peripheral, 14-bit flat and 24/40-bit extended flat addressing;
    /// nil for a LUN of more than one level or a well known one (L21).
    public var number: UInt64? {
        let low48 = raw & 0x0000_FFFF_FFFF_FFFF
        switch raw >> 62 {
        case 0 where low48 == 0 && (raw >> 56) & 0x3F == 0: return (raw >> 48) & 0xFF
        case 1 where low48 == 0: return (raw >> 48) & 0x3FFF
        case 3:
            switch (raw >> 56) & 0x3F {
            case 0x12 where raw & 0xFFFF_FFFF == 0: return (raw >> 32) & 0xFF_FFFF
            case 0x22 where raw & 0xFFFF == 0: return (raw >> 16) & 0xFF_FFFF_FFFF
            default: return nil
            }
        default: return nil
        }
    }

    /// A LUN below 256 in peripheral addressing, one below 16384 in flat addressing.
    public init?(number: UInt64) {
        switch number {
        case 0..<256: raw = number << 48
        case 256..<16384: raw = (0x4000 | number) << 48
        default: return nil
        }
    }

    /// The number that the kernel gives the LUN: its four words of 16 bits, the first of them lowest (`scsilun_to_int`).
    ///
    /// The addressing method stays in it: LUN 300 in flat addressing is 16684.
    public init(kernel: UInt64) {
        self.init(raw: LogicalUnitNumber.reversingWords(kernel))
    }

    /// The LUN as the kernel counts it, in `/sys` and in `lsscsi`.
    public var kernel: UInt64 { LogicalUnitNumber.reversingWords(raw) }

    private static func reversingWords(_ value: UInt64) -> UInt64 {
        (0..<4).reduce(0) { $0 | ((value >> UInt64(16 * $1)) & 0xFFFF) << UInt64(48 - 16 * $1) }
    }

    /// The number, or the 16 hex digits of a LUN that has none.
    public var description: String {
        if let number { return String(number) }
        let digits = String(raw, radix: 16)
        return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    public static func < (left: LogicalUnitNumber, right: LogicalUnitNumber) -> Bool {
        switch (left.number, right.number) {
        case (let l?, let r?) where l != r: l < r
        case (nil, _?): false
        case (_?, nil): true
        default: left.raw < right.raw
        }
    }
}
