/// A moment as `<seconds>.<nanoseconds>` since 1 January 1970, UTC.
public struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var seconds: Int64
    /// 0 to 999,999,999.
    public var nanoseconds: UInt32

    public init(seconds: Int64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// `SECONDS` or `SECONDS.FRACTION` with up to nine digits.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let seconds = UInt64(decimal: parts[0]).flatMap(Int64.init(exactly:)) else { return nil }
        var nanoseconds: UInt32 = 0
        if parts.count == 2, !parts[1].isEmpty {
            guard parts[1].count <= 9, let fraction = UInt64(decimal: parts[1]) else { return nil }
            nanoseconds = UInt32((0..<(9 - parts[1].count)).reduce(fraction) { value, _ in value * 10 })
        }
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// The fraction is left out where it is zero.
    public var description: String {
        guard nanoseconds != 0 else { return String(seconds) }
        let digits = String(nanoseconds)
        return "\(seconds)." + String(repeating: "0", count: 9 - digits.count) + digits
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}
