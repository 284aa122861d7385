import SANModel

extension ByteCount {
    /// The size as `lsblk` prints it: `512B`, `64M`, `9.5G`; one decimal where it says something, rounded to the nearest.
    var human: String {
        let units = ["K", "M", "G", "T", "P", "E"]
        guard bytes >= 1024 else { return "\(bytes)B" }
        var index = 0
        while index + 1 < units.count, bytes >> (10 * UInt64(index + 1)) >= 1024 { index += 1 }
        let shift = 10 * UInt64(index + 1)
        // Tenths of the unit, rounded; a value that rounds up to 1024 of one unit is 1 of the next.
        var tenths = ByteCount.tenths(bytes, shift: shift)
        if tenths >= 10_240, index + 1 < units.count {
            index += 1
            tenths = 10
        }
        let fraction = tenths % 10
        return "\(tenths / 10)" + (fraction == 0 ? "" : ".\(fraction)") + units[index]
    }

    private static func tenths(_ bytes: UInt64, shift: UInt64) -> UInt64 {
        let product = bytes.multipliedFullWidth(by: 10)
        let unit = UInt64(1) << shift
        let (quotient, remainder) = unit.dividingFullWidth((product.high, product.low))
        return quotient + (remainder >= unit / 2 ? 1 : 0)
    }

    /// As a column shows it: for people, or the exact number of bytes.
    func text(exact isExact: Bool) -> String { isExact ? String(bytes) : human }
}
