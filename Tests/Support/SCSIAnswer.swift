/// The bytes that units answer with (SPC-5, SBC-4).
public enum SCSIAnswer {
    public static func inquiry(vendor: String = "SANCTL", product: String = "DISK", type: UInt8 = 0) -> [UInt8] {
        func padded(_ text: String, _ count: Int) -> [UInt8] {
            Array(Array(text.utf8).prefix(count)) + [UInt8](repeating: 0x20, count: max(0, count - text.utf8.count))
        }
        return [type, 0, 6, 2, 31, 0, 0, 2] + padded(vendor, 8) + padded(product, 16) + padded("1", 4)
    }

    /// A page of vital product data.
    public static func page(_ code: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [0, code, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)] + payload
    }

    /// Page 0x83 with one NAA designator, and a T10 one where it is given.
    public static func page83(naa: [UInt8], t10: String? = nil) -> [UInt8] {
        var designators: [UInt8] = [1, 3, 0, UInt8(naa.count)] + naa
        if let t10 { designators += [2, 1, 0, UInt8(t10.utf8.count)] + Array(t10.utf8) }
        return page(0x83, designators)
    }

    /// READ CAPACITY(16) of a disk.
    public static func capacity(bytes: UInt64, blockSize: UInt32 = 512) -> [UInt8] {
        let last = bytes / UInt64(blockSize) - 1
        var answer = [UInt8](repeating: 0, count: 32)
        for index in 0..<8 { answer[index] = UInt8(truncatingIfNeeded: last >> UInt64(56 - 8 * index)) }
        for index in 0..<4 { answer[8 + index] = UInt8(truncatingIfNeeded: blockSize >> UInt32(24 - 8 * index)) }
        return answer
    }

    /// A registered NAA name that ends in these digits.
    public static func naa(_ number: UInt8) -> [UInt8] {
        [0x60, 0x01, 0x40, 0x5A] + [UInt8](repeating: 0, count: 11) + [number]
    }
}
