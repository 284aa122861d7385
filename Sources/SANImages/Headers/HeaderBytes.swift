/// Integers of a header at fixed offsets: nil where the bytes end before them.
extension Span<UInt8> {
    func bigEndian<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type, at offset: Int) -> Number? {
        guard let range = range(at: offset, count: Number.bitWidth / 8) else { return nil }
        var value: Number = 0
        for index in range { value = value << 8 | Number(self[index]) }
        return value
    }

    func littleEndian<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type, at offset: Int) -> Number? {
        bigEndian(type, at: offset)?.byteSwapped
    }

    /// Whether these ASCII bytes stand at the offset.
    func has(_ text: StaticString, at offset: Int = 0) -> Bool {
        guard let range = range(at: offset, count: text.utf8CodeUnitCount) else { return false }
        return text.withUTF8Buffer { expected in
            for index in 0..<expected.count where unsafe expected[index] != self[range.lowerBound + index] {
                return false
            }
            return true
        }
    }

    /// A copy of a run of bytes; nil where they aren't all there.
    func bytes(at offset: Int, count: Int) -> [UInt8]? {
        guard let range = range(at: offset, count: count) else { return nil }
        return range.map { self[$0] }
    }

    /// A copy of the bytes of a field up to its first NUL.
    func cString(at offset: Int, limit: Int) -> [UInt8]? {
        bytes(at: offset, count: limit).map { Array($0.prefix { $0 != 0 }) }
    }

    private func range(at offset: Int, count length: Int) -> Range<Int>? {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return nil }
        return offset..<offset + length
    }
}
