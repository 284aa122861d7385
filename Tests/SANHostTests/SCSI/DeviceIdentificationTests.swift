import SANModel
import Testing

@testable import SANHost

@Suite struct DeviceIdentificationTests {
    private static func page(_ designators: [[UInt8]]) -> [UInt8] {
        let body = designators.flatMap(\.self)
        return [0, 0x83, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
    }

    private static func designator(
        _ kind: UInt8, _ value: [UInt8], codeSet: UInt8 = 1, association: UInt8 = 0
    ) -> [UInt8] {
        [codeSet, association << 4 | kind, 0, UInt8(value.count)] + value
    }

    private static let registered: [UInt8] = [0x50, 0x00, 0xC5, 0x00, 0x15, 0xEA, 0x71, 0xAA]
    private static let extended: [UInt8] = [0x60, 0x01, 0x40, 0x5F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x2A]

    @Test func prefersTheRegisteredExtendedName() throws {
        let identification = try DeviceIdentification(
            Self.page([
                Self.designator(1, Array("LIO-ORG disk:1".utf8), codeSet: 2),
                Self.designator(2, [1, 2, 3, 4, 5, 6, 7, 8]),
                Self.designator(3, Self.registered),
                Self.designator(3, Self.extended),
            ]))
        #expect(identification.identity == "36001405f00000000000000000000002a")
    }

    @Test func fallsBackInOrder() throws {
        let vendor = Self.designator(1, Array("IET     00010001  ".utf8), codeSet: 2)
        let name = Self.designator(8, Array("iqn.2013-06.com.example:disk\0".utf8), codeSet: 3)
        let eui = Self.designator(2, [0, 2, 3, 4, 5, 6, 7, 8])
        #expect(try DeviceIdentification(Self.page([vendor, name, eui])).identity == "20002030405060708")
        #expect(try DeviceIdentification(Self.page([vendor, name])).identity == "8iqn.2013-06.com.example:disk")
        #expect(try DeviceIdentification(Self.page([vendor])).identity == "1IET_00010001")
        #expect(try DeviceIdentification(Self.page([])).identity == nil)
    }

    @Test func readsNamesInText() throws {
        let naa = Self.designator(8, Array("naa.600140500000002A".utf8), codeSet: 3)
        #expect(try DeviceIdentification(Self.page([naa])).identity == "3600140500000002a")
        let ascii = Self.designator(3, Array("5000C50015EA71AA".utf8), codeSet: 2)
        #expect(try DeviceIdentification(Self.page([ascii])).identity == "35000c50015ea71aa")
    }

    @Test func ignoresPortsAndTheTarget() throws {
        let port = Self.designator(3, Self.registered, association: 1)
        let device = Self.designator(3, Self.registered, association: 2)
        #expect(try DeviceIdentification(Self.page([port, device])).identity == nil)
    }

    @Test func takesNoZerosAndNoUnknownNameForAnIdentity() throws {
        let zeros = Self.designator(3, [UInt8](repeating: 0, count: 16))
        let short = Self.designator(3, [0x60, 1, 2])
        let unknown = Self.designator(3, [0x90, 1, 2, 3, 4, 5, 6, 7])
        #expect(try DeviceIdentification(Self.page([zeros, short, unknown])).identity == nil)
    }

    @Test func refusesLies() {
        #expect(throws: StorageError.self) { try DeviceIdentification([]) }
        #expect(throws: StorageError.self) { try DeviceIdentification([0, 0x83, 0xFF, 0xFF]) }
        #expect(throws: StorageError.self) { try DeviceIdentification([0, 0x80, 0, 0]) }
        let leaves = [0, 0x83, 0, 8] + [1, 3, 0, 200, 1, 2, 3, 4] as [UInt8]
        #expect(throws: StorageError.self) { try DeviceIdentification(leaves) }
        #expect(throws: StorageError.self) { try DeviceIdentification([0, 0x83, 0, 2, 1, 3]) }
    }

    @Test func spellsHostileTextHarmlessly() throws {
        let hostile = Self.designator(1, Array("EVIL/\n\u{1B}[31m ..".utf8), codeSet: 2)
        let identity = try #require(try DeviceIdentification(Self.page([hostile])).identity)
        #expect(identity.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "#+-.:=@_".contains($0)) })
    }

    @Test func survivesRandomBytes() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            var bytes = (0..<Int.random(in: 0...80)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if bytes.count > 4, Bool.random() {
                bytes[1] = 0x83
                bytes[2] = 0
                bytes[3] = UInt8(bytes.count - 4)
            }
            _ = (try? DeviceIdentification(bytes))?.identity  // whatever it says, it must not trap
        }
    }
}
