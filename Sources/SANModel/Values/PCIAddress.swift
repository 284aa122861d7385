/// A PCI function's address: `0000:00:1f.2` in sysfs, `<address domain='0x0000' bus='0x00' slot='0x1f' function='0x2'/>` in XML.
public struct PCIAddress: Sendable, Hashable, CustomStringConvertible {
    public let domain: UInt32
    public let bus: UInt8
    /// 0 to 0x1f.
    public let slot: UInt8
    /// 0 to 7.
    public let function: UInt8

    /// - Returns: nil for a slot over 0x1f or a function over 7.
    public init?(domain: UInt32, bus: UInt8, slot: UInt8, function: UInt8) {
        guard slot <= 0x1F, function <= 7 else { return nil }
        self.domain = domain
        self.bus = bus
        self.slot = slot
        self.function = function
    }

    /// `DDDD:BB:SS.F`, all hex; the seeds' `0000:00:1f:2` is taken too.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == ":" || $0 == "." })
        guard parts.count == 4, let domain = UInt32(parts[0], radix: 16), let bus = UInt8(parts[1], radix: 16),
            let slot = UInt8(parts[2], radix: 16), let function = UInt8(parts[3], radix: 16)
        else { return nil }
        self.init(domain: domain, bus: bus, slot: slot, function: function)
    }

    /// As `dddd:bb:ss.f`.
    public var description: String {
        "\(hex(domain, 4)):\(hex(bus, 2)):\(hex(slot, 2)).\(hex(function, 1))"
    }

    private func hex(_ value: some BinaryInteger, _ width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
