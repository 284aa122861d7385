/// Big-endian fields of PDUs, CDBs and payloads. Reading past the end gives zeroes: the peer chose the length.
extension Array where Element == UInt8 {
    func bigEndian(_ width: Int, at offset: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in offset..<(offset + width) {
            value = value << 8 | UInt64(index < count ? self[index] : 0)
        }
        return value
    }

    func bigEndian16(at offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: bigEndian(2, at: offset)) }

    func bigEndian32(at offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: bigEndian(4, at: offset)) }

    func bigEndian64(at offset: Int) -> UInt64 { bigEndian(8, at: offset) }

    /// Overwrites `width` bytes that must exist.
    mutating func setBigEndian(_ value: some BinaryInteger, width: Int, at offset: Int) {
        var rest = UInt64(truncatingIfNeeded: value)
        for index in stride(from: offset + width - 1, through: offset, by: -1) {
            self[index] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
    }

    mutating func appendBigEndian(_ value: some BinaryInteger, width: Int) {
        append(contentsOf: repeatElement(0, count: width))
        setBigEndian(value, width: width, at: count - width)
    }

    /// Exactly `length` bytes: cut, or filled up with spaces as SPC-4 wants its ASCII fields.
    func padded(to length: Int) -> [UInt8] {
        Array(prefix(length)) + repeatElement(0x20, count: Swift.max(0, length - count))
    }
}
