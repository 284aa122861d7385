/// A size or an offset in bytes, 0 to 2^64 - 1.
public struct ByteCount: Sendable, Hashable, Comparable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    public var bytes: UInt64

    public init(_ bytes: UInt64) {
        self.bytes = bytes
    }

    public init(integerLiteral value: UInt64) {
        bytes = value
    }

    /// The plain number.
    public var description: String { String(bytes) }

    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    /// The sum, or nil where it doesn't fit.
    public func adding(_ other: ByteCount) -> ByteCount? {
        let (sum, overflow) = bytes.addingReportingOverflow(other.bytes)
        return overflow ? nil : ByteCount(sum)
    }

    /// The product, or nil where it doesn't fit.
    public func multiplied(by factor: UInt64) -> ByteCount? {
        let (product, overflow) = bytes.multipliedReportingOverflow(by: factor)
        return overflow ? nil : ByteCount(product)
    }
}

extension ByteCount {
    /// The scale that a unit of a `scaledInteger` stands for: `K`, `KiB` and `k` are 1024, `KB` is 1000; nil for a unit that isn't one.
    ///
    /// - Parameter unit: `[bB]([yY][tT][eE][sS]?)?` or `[kKmMgGtTpPeE]([iI]?[bB])?`, from libvirt's basictypes; empty is bytes.
    public static func scale(ofUnit unit: String) -> UInt64? {
        let lowered = unit.lowercased()
        switch lowered {
        case "", "b", "byte", "bytes": return 1
        default: break
        }
        guard let first = lowered.first, let power = "kmgtpe".firstIndex(of: first) else { return nil }
        let base: UInt64
        switch lowered.dropFirst() {
        case "", "ib": base = 1024
        case "b": base = 1000
        default: return nil
        }
        let exponent = "kmgtpe".distance(from: "kmgtpe".startIndex, to: power) + 1
        return (0..<exponent).reduce(1) { scale, _ in scale * base }
    }

    /// A count and its unit, as in `<capacity unit='GiB'>10</capacity>`.
    ///
    /// - Throws: `invalid_argument` for a count that isn't an unsigned number, an unknown unit, and a product over 2^64 - 1.
    public init(count: String, unit: String) throws(StorageError) {
        guard unit.first != "." else {
            throw StorageError(
                .invalidArgument,
                "'\((count + unit).printable)' isn't a size: a whole number is needed, as 1536M for 1.5G")
        }
        guard let scale = ByteCount.scale(ofUnit: unit) else {
            throw StorageError(
                .invalidArgument,
                "Unknown size unit '\(unit.printable)': use B, K, M, G, T, P, E, KiB … EiB (1024) or KB … EB (1000)")
        }
        guard let number = UInt64(decimal: count) else {
            throw StorageError(
                .invalidArgument, "'\(count.printable)' isn't a size: a whole number up to 2^64 - 1 is needed")
        }
        guard let product = ByteCount(number).multiplied(by: scale) else {
            throw StorageError(.invalidArgument, "The size \(number) \(unit) is over 2^64 - 1 bytes")
        }
        self = product
    }

    /// A size as the command line takes it: `10G`, `512`, `20 MB`.
    ///
    /// - Throws: `invalid_argument`, see ``init(count:unit:)``.
    public init(parsing text: String) throws(StorageError) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        try self.init(count: String(digits), unit: String(unit))
    }
}

extension UInt64 {
    /// A number written in ASCII digits only: no sign, no space, nothing over the range.
    public init?(decimal text: some StringProtocol) {
        guard !text.isEmpty else { return nil }
        var number: UInt64 = 0
        for byte in text.utf8 {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (tens, isOver) = number.multipliedReportingOverflow(by: 10)
            let (sum, isOverToo) = tens.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            guard !isOver, !isOverToo else { return nil }
            number = sum
        }
        self = number
    }
}

extension String {
    /// The text with control characters and line separators written as escapes, and cut at 200 characters: fit for a message.
    public var printable: String {
        // Nearly all names and paths: what each of their characters is needn't be looked up.
        if utf8.count <= 200, utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
        var result = ""
        for scalar in unicodeScalars.prefix(200) {
            if scalar.isPrintable {
                result.unicodeScalars.append(scalar)
            } else {
                result += scalar.escaped(asASCII: true)
            }
        }
        return unicodeScalars.count > 200 ? result + "…" : result
    }

    /// Whether it can be shown as it is, however long.
    public var isPrintable: Bool {
        utf8.allSatisfy { (0x20...0x7E).contains($0) } || unicodeScalars.allSatisfy { $0.isPrintable }
    }
}

extension Unicode.Scalar {
    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
