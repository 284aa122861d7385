/// A Fibre Channel world wide name: 64 bits, `0x20000000c9831b4b` in sysfs, `20000000c9831b4b` in libvirt's XML.
public struct WWN: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) {
        self.value = value
    }

    /// - Returns: nil for anything but 16 hex digits of either case, with or without `0x`.
    public init?(_ text: some StringProtocol) {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        guard digits.utf8.count == 16, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }),
            let value = UInt64(digits, radix: 16)
        else { return nil }
        self.value = value
    }

    /// 16 lower-case hex digits, without `0x`.
    public var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    public static func < (left: WWN, right: WWN) -> Bool { left.value < right.value }
}
