/// A UUID as libvirt's documents write it: 32 hex digits, or 8-4-4-4-12 of them.
public struct StorageUUID: Sendable, Hashable, Comparable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    /// - Returns: nil for anything but 32 hex digits, with or without the four dashes in their places.
    public init?(_ text: some StringProtocol) {
        var digits = Array(text.utf8)
        if digits.count == 36 {
            guard [8, 13, 18, 23].allSatisfy({ digits[$0] == UInt8(ascii: "-") }) else { return nil }
            digits.removeAll { $0 == UInt8(ascii: "-") }
        }
        guard digits.count == 32, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
            let high = UInt64(String(decoding: digits[..<16], as: UTF8.self), radix: 16),
            let low = UInt64(String(decoding: digits[16...], as: UTF8.self), radix: 16)
        else { return nil }
        self.high = high
        self.low = low
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new random UUID, version 4 of RFC 9562.
    public static func random() -> StorageUUID {
        StorageUUID(
            high: UInt64.random(in: 0...UInt64.max) & ~0xF000 | 0x4000,
            low: UInt64.random(in: 0...UInt64.max) & ~(3 << 62) | 1 << 63)
    }

    /// 8-4-4-4-12 lower-case hex digits.
    public var description: String {
        func hex(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        let all = hex(high) + hex(low)
        var result = ""
        for (index, digit) in all.enumerated() {
            if [8, 12, 16, 20].contains(index) { result.append("-") }
            result.append(digit)
        }
        return result
    }

    public static func < (left: StorageUUID, right: StorageUUID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
