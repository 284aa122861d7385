/// A command descriptor block, with what a transport must know to send it.
///
/// Pure: sending is the transport's.
public struct SCSICommand: Sendable, Hashable {
    public enum Direction: Sendable, Hashable {
        case none
        /// From the unit to the host.
        case read
        /// From the host to the unit.
        case write
    }

    public let block: [UInt8]
    public let direction: Direction
    /// How many bytes move at most.
    public let length: Int

    /// As the standards call it, for messages: `READ CAPACITY(16)`.
    public var name: String {
        switch block.first {
        case 0x00: "TEST UNIT READY"
        case 0x12 where block[1] & 1 != 0: "INQUIRY of page 0x\(hexadecimal(block[2], digits: 2))"
        case 0x12: "INQUIRY"
        case 0x35: "SYNCHRONIZE CACHE(10)"
        case 0x42: "UNMAP"
        case 0x88: "READ(16)"
        case 0x8A: "WRITE(16)"
        case 0x93: "WRITE SAME(16)"
        case 0x9E: "READ CAPACITY(16)"
        case 0xA0: "REPORT LUNS"
        default: "command"
        }
    }

    /// INQUIRY's standard data (SPC-5, 6.7).
    ///
    /// - Parameter allocation: how many bytes the unit may send; 36 are the least that identify it.
    public static func inquiry(allocation: UInt16 = 96) -> SCSICommand {
        SCSICommand(
            block: [0x12, 0, 0] + bigEndian(allocation) + [0], direction: .read,
            length: Int(allocation))
    }

    /// INQUIRY for a page of vital product data.
    public static func vitalProductData(page: UInt8, allocation: UInt16) -> SCSICommand {
        SCSICommand(
            block: [0x12, 1, page] + bigEndian(allocation) + [0],
            direction: .read, length: Int(allocation))
    }

    /// REPORT LUNS for every logical unit but the well known ones (SPC-5, 6.35, select report 0).
    public static func reportLUNs(allocation: UInt32) -> SCSICommand {
        SCSICommand(
            block: [0xA0, 0, 0, 0, 0, 0] + bigEndian(allocation) + [0, 0], direction: .read,
            length: Int(allocation))
    }

    /// READ CAPACITY(16) (SBC-4, 5.20).
    public static let readCapacity16 = SCSICommand(
        block: [0x9E, 0x10] + bigEndian(UInt64(0)) + bigEndian(UInt32(32)) + [0, 0],
        direction: .read, length: 32)

    public static let testUnitReady = SCSICommand(
        block: [0, 0, 0, 0, 0, 0], direction: .none, length: 0)

    public static func read16(block: UInt64, count: UInt32, blockSize: Int) -> SCSICommand {
        SCSICommand(
            block: [0x88, 0] + bigEndian(block) + bigEndian(count) + [0, 0], direction: .read,
            length: Int(count) * blockSize)
    }

    public static func write16(block: UInt64, count: UInt32, blockSize: Int) -> SCSICommand {
        SCSICommand(
            block: [0x8A, 0] + bigEndian(block) + bigEndian(count) + [0, 0], direction: .write,
            length: Int(count) * blockSize)
    }

    /// WRITE SAME(16): one block's bytes to each of many blocks (SBC-4, 5.52).
    ///
    /// - Parameter deallocates: the UNMAP bit: the unit may deallocate blocks where they read as what was sent afterwards.
    public static func writeSame16(block: UInt64, count: UInt32, blockSize: Int, deallocates: Bool) -> SCSICommand {
        SCSICommand(
            block: [0x93, deallocates ? 0x08 : 0] + bigEndian(block) + bigEndian(count) + [0, 0],
            direction: .write, length: blockSize)
    }

    /// UNMAP with one descriptor (SBC-4, 5.35); its parameter list is ``unmapParameters(block:count:)``.
    public static let unmap = SCSICommand(
        block: [0x42, 0, 0, 0, 0, 0, 0] + bigEndian(UInt16(24)) + [0], direction: .write, length: 24)

    /// The parameter list of ``unmap``.
    public static func unmapParameters(block: UInt64, count: UInt32) -> [UInt8] {
        bigEndian(UInt16(22)) + bigEndian(UInt16(16)) + [0, 0, 0, 0] + bigEndian(block) + bigEndian(count) + [
            0, 0, 0, 0,
        ]
    }

    /// SYNCHRONIZE CACHE(10) of the whole unit: older units don't have the 16-byte form.
    public static let synchronizeCache = SCSICommand(
        block: [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], direction: .none, length: 0)

    private static func bigEndian<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> Number($0 * 8)) }
    }
}
