public import SANModel

/// VPD page 0x80: the unit's serial number (SPC-5, 7.7.19).
public struct UnitSerialNumber: Sendable, Hashable {
    public static let page: UInt8 = 0x80

    /// Without its padding; nil where the page holds nothing but spaces.
    public let serial: String?

    /// - Throws: `backend_failure` for another page and for a length beyond the bytes.
    public init(_ bytes: [UInt8]) throws(StorageError) {
        let field = try VitalProductPage(bytes, page: UnitSerialNumber.page).payload
        serial = SCSIText.trimmed(field)
    }
}

/// The frame of a VPD page: its code, its length and what is in it.
struct VitalProductPage {
    let payload: [UInt8]

    /// How long the whole page is by its own header; nil for fewer than four bytes.
    static func fullLength(_ bytes: [UInt8]) -> Int? {
        bytes.count >= 4 ? 4 + Int(bytes[2]) << 8 + Int(bytes[3]) : nil
    }

    /// - Throws: `backend_failure` for another page and for a length beyond the bytes.
    init(_ bytes: [UInt8], page: UInt8) throws(StorageError) {
        let reader = PayloadReader(bytes: bytes, what: "VPD page 0x\(hexadecimal(page, digits: 2))")
        let code = try reader.byte(at: 1)
        guard code == page else { throw reader.malformed("it says that it is page 0x\(hexadecimal(code, digits: 2))") }
        let length = Int(try reader.integer(at: 2, bytes: 2))
        guard 4 + length <= bytes.count else {
            throw reader.malformed("its length is \(length) and \(bytes.count - 4) bytes came")
        }
        payload = Array(bytes[4..<4 + length])
    }
}

/// Asks again where a page is longer than the first allocation let through.
public enum VitalProductAllocation {
    /// What to allocate for a page at first.
    public static let initial: UInt16 = 252

    /// What to allocate to get all of a page; nil where all of it is there, or its header isn't.
    public static func needed(after bytes: [UInt8], allocated: UInt16) -> UInt16? {
        guard let length = VitalProductPage.fullLength(bytes), length > Int(allocated), allocated < .max else {
            return nil
        }
        return UInt16(clamping: length)
    }
}
