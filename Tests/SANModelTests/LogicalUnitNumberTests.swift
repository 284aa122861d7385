import SANModel
import Testing

/// L21: LUNs of 256 and more have other addressing methods, and flat addressing shifts them by 16384.
@Suite struct LogicalUnitNumberTests {
    @Test(
        arguments: [
            (0, 0), (0x0001_0000_0000_0000, 1), (0x00FF_0000_0000_0000, 255), (0x412C_0000_0000_0000, 300),
            (0x7FFF_0000_0000_0000, 16383), (0xD200_4000_0000_0000, 0x4000), (0xE200_0001_0000_0000, 0x1_0000),
        ] as [(UInt64, UInt64)])
    func decodesItsAddressingMethod(raw: UInt64, number: UInt64) {
        #expect(LogicalUnitNumber(raw: raw).number == number)
    }

    @Test(arguments: [
        0x0101_0000_0000_0000, 0x0001_0001_0000_0000, 0x8001_0000_0000_0000, 0xC101_0000_0000_0000, UInt64.max,
    ])
    func hasNoNumberForSeveralLevelsAndWellKnownUnits(raw: UInt64) {
        #expect(LogicalUnitNumber(raw: raw).number == nil)
    }

    @Test(arguments: [0, 1, 255, 256, 300, 16383] as [UInt64])
    func isMadeFromANumber(number: UInt64) {
        #expect(LogicalUnitNumber(number: number)?.number == number)
    }

    @Test func sortsByNumberWithTheNumberlessLast() {
        let units = [UInt64.max, 0x412C << 48, 2 << 48, 10 << 48].map(LogicalUnitNumber.init(raw:))
        #expect(units.sorted().map(\.description) == ["2", "10", "300", "0xffffffffffffffff"])
        #expect(LogicalUnitNumber(number: 16384) == nil)
    }
}
