import SANModel
import Testing

@testable import SANHost

@Suite struct PayloadTests {
    // MARK: INQUIRY and serial number

    private static func inquiry(first: UInt8 = 0, vendor: String = "IET", product: String = "VIRTUAL-DISK") -> [UInt8] {
        func field(_ text: String, _ count: Int) -> [UInt8] {
            Array((Array(text.utf8) + [UInt8](repeating: 0x20, count: count)).prefix(count))
        }
        return [first, 0, 5, 2, 91, 0, 0, 2] + field(vendor, 8) + field(product, 16) + field("0001", 4)
    }

    @Test func readsInquiry() throws {
        let inquiry = try StandardInquiry(Self.inquiry())
        #expect(inquiry.vendor == "IET" && inquiry.product == "VIRTUAL-DISK" && inquiry.revision == "0001")
        #expect(inquiry.isDisk && inquiry.qualifier == 0)
        #expect(inquiry.identity(serial: "beaf 11") == "SIET_VIRTUAL-DISK_beaf_11")
    }

    @Test func tellsTypesAndConnections() throws {
        #expect(try StandardInquiry(Self.inquiry(first: 0x0C)).deviceType == .controller)
        #expect(try StandardInquiry(Self.inquiry(first: 0x05)).deviceType == .cdrom)
        let absent = try StandardInquiry(Self.inquiry(first: 0x20))
        #expect(absent.qualifier == 1 && absent.deviceType == .disk && !absent.isDisk)
        #expect(try !StandardInquiry(Self.inquiry(first: 0x7F)).isDisk)
    }

    @Test func keepsHostileTextPrintable() throws {
        let inquiry = try StandardInquiry(Self.inquiry(vendor: "\u{1B}[2J", product: "\n\r\t\u{7F}"))
        #expect(inquiry.vendor == "?[2J" && inquiry.product == "????")
    }

    @Test func refusesShortInquiry() {
        for count in 0..<36 {
            #expect(throws: StorageError.self) { try StandardInquiry(Array(Self.inquiry().prefix(count))) }
        }
    }

    @Test func readsSerialNumber() throws {
        #expect(try UnitSerialNumber([0, 0x80, 0, 8] + Array("  beaf11".utf8)).serial == "beaf11")
        #expect(try UnitSerialNumber([0, 0x80, 0, 4] + Array("    ".utf8)).serial == nil)
        #expect(try UnitSerialNumber([0, 0x80, 0, 0]).serial == nil)
        #expect(throws: StorageError.self) { try UnitSerialNumber([0, 0x80, 0, 9] + Array("short".utf8)) }
        #expect(throws: StorageError.self) { try UnitSerialNumber([0, 0x83, 0, 0]) }
    }

    @Test func asksAgainForALongPage() {
        #expect(VitalProductAllocation.needed(after: [0, 0x83, 0, 16], allocated: 252) == nil)
        #expect(VitalProductAllocation.needed(after: [0, 0x83, 1, 0], allocated: 252) == 260)
        #expect(VitalProductAllocation.needed(after: [0, 0x83, 0xFF, 0xFF], allocated: 252) == 65_535)
        #expect(VitalProductAllocation.needed(after: [0, 0x83, 0xFF, 0xFF], allocated: 65_535) == nil)
        #expect(VitalProductAllocation.needed(after: [], allocated: 252) == nil)
    }

    // MARK: Capacity

    private static func capacity(last: UInt64, blockSize: UInt32, flags: UInt8 = 0) -> [UInt8] {
        let lastBytes = (0..<8).reversed().map { UInt8(truncatingIfNeeded: last >> UInt64($0 * 8)) }
        let sizeBytes = (0..<4).reversed().map { UInt8(truncatingIfNeeded: blockSize >> UInt32($0 * 8)) }
        return lastBytes + sizeBytes + [0, 0, flags] + [UInt8](repeating: 0, count: 17)
    }

    @Test(
        arguments: [
            (131_071, 512, 64 << 20), (16_383, 4_096, 64 << 20), (5 << 31, 512, (5 << 40) + 512), (0, 512, 512),
        ] as [(UInt64, UInt32, UInt64)])
    func countsTheLastBlock(last: UInt64, blockSize: UInt32, bytes: UInt64) throws {
        let capacity = try ReadCapacity(Self.capacity(last: last, blockSize: blockSize))
        #expect(capacity.capacity == ByteCount(bytes) && capacity.blocks == last + 1)
    }

    @Test func readsProvisioningFlags() throws {
        let capacity = try ReadCapacity(Self.capacity(last: 1, blockSize: 512, flags: 0xC0))
        #expect(capacity.isProvisioned && capacity.readsZeros)
    }

    @Test(arguments: [(.max, 512), (.max / 512, 1 << 16), (100, 0), (100, 520), (100, 1 << 17)] as [(UInt64, UInt32)])
    func refusesImpossibleSizes(last: UInt64, blockSize: UInt32) {
        #expect(throws: StorageError.self) { try ReadCapacity(Self.capacity(last: last, blockSize: blockSize)) }
    }

    @Test func refusesShortCapacity() {
        for count in 0..<15 {
            #expect(throws: StorageError.self) {
                try ReadCapacity(Array(Self.capacity(last: 1, blockSize: 512).prefix(count)))
            }
        }
    }

    // MARK: REPORT LUNS

    @Test func listsEachUnitOnce() throws {
        let one: [UInt8] = [0, 1, 0, 0, 0, 0, 0, 0]
        let flat: [UInt8] = [0x41, 0x2C, 0, 0, 0, 0, 0, 0]
        let list = try ReportLUNs([0, 0, 0, 32, 0, 0, 0, 0] + one + flat + one + flat)
        #expect(list.units.map(\.description) == ["1", "300"])
        #expect(list.fullLength == 40 && list.isComplete(of: 40) && !list.isComplete(of: 39))
    }

    @Test func toleratesAListThatWasCut() throws {
        let list = try ReportLUNs([0, 0, 0x10, 0, 0, 0, 0, 0] + [0, 7, 0, 0, 0, 0, 0, 0] + [0, 8, 0])
        #expect(list.units.map(\.description) == ["7"] && list.fullLength == 4_104)
        #expect(throws: StorageError.self) { try ReportLUNs([0, 0, 0, 8]) }
        #expect(throws: StorageError.self) { try ReportLUNs([0, 0, 0, 9, 0, 0, 0, 0]) }
    }

    // MARK: Limits

    @Test func readsLimitsOfShortAndLongPages() throws {
        var page = [UInt8](repeating: 0, count: 64)
        page[1] = 0xB0
        page[3] = 60
        page[10] = 0x08
        page[23] = 0x40
        page[31] = 8
        page[43] = 0x20
        let limits = try BlockLimits(page)
        #expect(limits.maximumTransfer == 2_048 && limits.maximumUnmap == 64 && limits.unmapGranularity == 8)
        #expect(limits.maximumWriteSame == 32)
        page[3] = 12
        let short = try BlockLimits(Array(page.prefix(16)))
        #expect(short.maximumTransfer == 2_048 && short.maximumUnmap == nil && short.maximumWriteSame == nil)
        #expect(throws: StorageError.self) { try BlockLimits([0, 0xB0, 0, 60]) }
    }

    @Test func readsProvisioningPage() throws {
        let page = try LogicalBlockProvisioning([0, 0xB2, 0, 4, 0, 0xE4, 2, 0])
        #expect(page.unmaps && page.unmapsByWriteSame && page.readsZeros)
        #expect(throws: StorageError.self) { try LogicalBlockProvisioning([0, 0xB2, 0, 1, 0]) }
    }

    // MARK: Sense data

    @Test func readsSenseInBothFormats() throws {
        var fixed = [UInt8](repeating: 0, count: 18)
        fixed[0] = 0x70
        fixed[2] = 0x02
        fixed[12] = 0x04
        fixed[13] = 0x01
        #expect(SenseData(fixed) == SenseData(key: 2, code: 4, qualifier: 1))
        #expect(SenseData([0x72, 0x05, 0x25, 0, 0, 0, 0, 0])?.isUnknownUnit == true)
        #expect(SenseData(fixed)?.description == "NOT READY, logical unit is becoming ready (2/04/01)")
        #expect(SenseData(key: 5, code: 0x99, qualifier: 0x77).description == "ILLEGAL REQUEST (5/99/77)")
    }

    @Test func knowsWhatChangesAnIdentity() {
        #expect(SenseData(key: 6, code: 0x3F, qualifier: 0x0E).invalidatesIdentity)
        #expect(SenseData(key: 6, code: 0x2A, qualifier: 0x09).invalidatesIdentity)
        #expect(!SenseData(key: 6, code: 0x29).invalidatesIdentity)
        #expect(!SenseData(key: 5, code: 0x3F, qualifier: 0x0E).invalidatesIdentity)
    }

    @Test func refusesWhatIsNoSense() {
        #expect(SenseData([]) == nil && SenseData([0x70]) == nil && SenseData([0x7F, 0, 0, 0]) == nil)
        #expect(SenseData([0x70, 0, 0x05]) == SenseData(key: 5))
    }

    @Test func survivesRandomBytes() {
        for _ in 0..<5_000 {
            let bytes = (0..<Int.random(in: 0...72)).map { _ in UInt8.random(in: 0...255) }
            _ = SenseData(bytes)?.description
            _ = try? StandardInquiry(bytes)  // whatever these say, they must not trap
            _ = try? UnitSerialNumber(bytes)  // the same
            _ = try? ReadCapacity(bytes)  // the same
            _ = try? ReportLUNs(bytes)  // the same
            _ = try? BlockLimits(bytes)  // the same
            _ = try? LogicalBlockProvisioning(bytes)  // the same
        }
    }

    // MARK: Commands

    @Test func buildsCommandBlocks() {
        #expect(SCSICommand.inquiry(allocation: 0x1234).block == [0x12, 0, 0, 0x12, 0x34, 0])
        #expect(SCSICommand.vitalProductData(page: 0x83, allocation: 252).block == [0x12, 1, 0x83, 0, 252, 0])
        #expect(SCSICommand.reportLUNs(allocation: 4_096).block == [0xA0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0])
        #expect(SCSICommand.readCapacity16.block == [0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0])
        let write = SCSICommand.write16(block: 0x1_0000_0002, count: 0x203, blockSize: 512)
        #expect(write.block == [0x8A, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 2, 3, 0, 0] && write.length == 0x203 * 512)
        let same = SCSICommand.writeSame16(block: 5, count: 7, blockSize: 4_096, deallocates: true)
        #expect(same.block == [0x93, 8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 7, 0, 0] && same.length == 4_096)
        #expect(SCSICommand.unmap.block == [0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0])
        let parameters: [UInt8] = [0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 0]
        #expect(SCSICommand.unmapParameters(block: 9, count: 8) == parameters)
    }
}
