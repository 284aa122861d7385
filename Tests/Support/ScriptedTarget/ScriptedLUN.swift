import Synchronization

/// A logical unit of a ``ScriptedTarget``: what it says it is, what it holds, and what is wrong with it.
///
/// Nothing is checked: any byte may be in any field, that is what the type is for.
public struct ScriptedLUN: Sendable {
    private static let created = Atomic<UInt64>(0)

    /// In bytes; 512 and 4096 are the useful ones.
    public var blockSize: UInt32
    public var blockCount: UInt64
    public var contents = SparseContents()

    /// Peripheral device type, five bits: 0 a disk, 5 a CD-ROM, 0x1F unknown.
    public var deviceType: UInt8 = 0
    /// Peripheral qualifier, three bits: 0 connected, 1 not connected, 3 not possible.
    public var qualifier: UInt8 = 0
    public var isRemovable = false
    public var isWriteProtected = false
    /// Whether it has UNMAP, and WRITE SAME with UNMAP.
    public var isThin = true

    /// Eight bytes of the standard INQUIRY data; shorter values are filled up with spaces, longer ones cut.
    public var vendor: [UInt8] = Array("SCRIPTED".utf8)
    /// Sixteen bytes.
    public var product: [UInt8] = Array("DISK".utf8)
    /// Four bytes.
    public var revision: [UInt8] = Array("0001".utf8)
    /// VPD page 0x80; nil: the unit has no such page.
    public var serial: [UInt8]?
    /// VPD page 0x83.
    public var designators: [Designator]
    /// Whole VPD pages, header included, in place of what the unit would say.
    public var rawPages: [UInt8: [UInt8]] = [:]
    /// Pages it doesn't have, neither in page 0x00 nor when asked for.
    public var missingPages: Set<UInt8> = []
    /// The whole standard INQUIRY data, in place of what the unit would say.
    public var rawInquiry: [UInt8]?

    /// MAXIMUM TRANSFER LENGTH of VPD page 0xB0, in blocks.
    ///
    /// Zero means no limit. Longer commands aren't refused.
    public var maximumTransferBlocks: UInt32 = 0
    /// MAXIMUM UNMAP LBA COUNT of VPD page 0xB0.
    public var maximumUnmapBlocks: UInt32 = 0xFFFF_FFFF
    /// OPTIMAL UNMAP GRANULARITY of VPD page 0xB0, in blocks.
    public var unmapGranularity: UInt32 = 1

    /// What goes wrong; the first that matches a command decides.
    public var faults: [Fault] = []

    /// A thin disk with a serial number and an NAA identifier that no other unit of this process has.
    ///
    /// - Parameter capacity: in bytes, cut to whole blocks.
    public init(capacity: UInt64, blockSize: UInt32 = 512) {
        self.blockSize = blockSize
        blockCount = blockSize == 0 ? 0 : capacity / UInt64(blockSize)
        let number = Self.created.wrappingAdd(1, ordering: .relaxed).newValue
        let digits = String(number, radix: 16)
        let serial = Array(("SL" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits).utf8)
        self.serial = serial
        var naa: [UInt8] = [0x60, 0x01, 0x40, 0x5A, 0x5A, 0x5A, 0x5A, 0x5A]
        naa.appendBigEndian(number, width: 8)
        designators = [.naa(naa), .t10Vendor(Array("SCRIPTED".utf8), serial)]
    }

    /// In bytes.
    public var capacity: UInt64 {
        get { blockCount.multipliedReportingOverflow(by: UInt64(blockSize)).partialValue }
        set { blockCount = blockSize == 0 ? 0 : newValue / UInt64(blockSize) }
    }
}
