public import SANModel

/// The list that REPORT LUNS gives (SPC-5, 6.35).
public struct ReportLUNs: Sendable, Hashable {
    /// Each once, in the target's order.
    public let units: [LogicalUnitNumber]
    /// How many bytes the whole list has by its header, the header included.
    public let fullLength: Int

    /// The most that is asked for: 131,071 units.
    public static let lengthLimit = 1 << 20

    /// - Parameter bytes: what came; fewer than the header promises is no error here, see ``isComplete(of:)``.
    /// - Throws: `backend_failure` for fewer than 8 bytes and for a length that is no whole number of units.
    public init(_ bytes: [UInt8]) throws(StorageError) {
        let reader = PayloadReader(bytes: bytes, what: "REPORT LUNS data")
        let length = Int(try reader.integer(at: 0, bytes: 4))
        _ = try reader.integer(at: 4, bytes: 4)
        guard length.isMultiple(of: 8) else { throw reader.malformed("its length is \(length)") }
        fullLength = 8 + length
        var seen: Set<LogicalUnitNumber> = []
        var units: [LogicalUnitNumber] = []
        var offset = 8
        while offset + 8 <= min(bytes.count, fullLength) {
            let unit = LogicalUnitNumber(raw: try reader.integer(at: offset, bytes: 8))
            if seen.insert(unit).inserted { units.append(unit) }
            offset += 8
        }
        self.units = units
    }

    /// Whether `received` bytes hold all of the list.
    public func isComplete(of received: Int) -> Bool { received >= fullLength }
}
