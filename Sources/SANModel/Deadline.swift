/// The moment by which an operation must have ended.
public struct Deadline: Sendable, Hashable, Comparable {
    public let instant: ContinuousClock.Instant

    public init(_ instant: ContinuousClock.Instant) {
        self.instant = instant
    }

    /// So much from now.
    public static func after(_ duration: Duration) -> Deadline {
        Deadline(ContinuousClock.now.advanced(by: duration))
    }

    /// Never, for work that the user can end (an upload goes on while bytes move).
    public static let never = Deadline(ContinuousClock.now.advanced(by: .seconds(100 * 365 * 86_400)))

    /// What is left; zero when it has passed.
    public var remaining: Duration {
        max(.zero, ContinuousClock.now.duration(to: instant))
    }

    /// When a part of what is left has passed: three quarters for a scan, and the rest for what reads what it found.
    public func part(_ numerator: Int, of denominator: Int) -> Deadline {
        .after(remaining * numerator / denominator)
    }

    public var hasPassed: Bool { remaining == .zero }

    /// What is left in whole milliseconds, rounded up and clamped for `poll(2)`.
    public var pollMilliseconds: Int32 {
        let left = remaining.components
        guard left.seconds < 2_000_000 else { return 2_000_000_000 }
        return Int32(left.seconds * 1_000 + (left.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    public static func < (left: Deadline, right: Deadline) -> Bool { left.instant < right.instant }
}
