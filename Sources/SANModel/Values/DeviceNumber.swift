/// A device's major and minor number, `8:16` in sysfs.
///
/// A label too: the kernel gives a number to another device once it is free.
public struct DeviceNumber: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let major: UInt32
    public let minor: UInt32

    public init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    /// - Returns: nil for anything but two decimal numbers with a colon between them.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let major = UInt64(decimal: parts[0]).flatMap(UInt32.init(exactly:)),
            let minor = UInt64(decimal: parts[1]).flatMap(UInt32.init(exactly:))
        else { return nil }
        self.init(major: major, minor: minor)
    }

    public var description: String { "\(major):\(minor)" }

    public static func < (left: DeviceNumber, right: DeviceNumber) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
