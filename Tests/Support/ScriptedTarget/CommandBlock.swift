/// A CDB, and the fields this target looks at.
struct CommandBlock: Sendable {
    /// Sixteen bytes.
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var opcode: ScriptedTarget.Opcode { ScriptedTarget.Opcode(rawValue: bytes[0]) }
    var serviceAction: UInt8 { bytes[1] & 0x1F }

    /// The first block and the count of a command that has them.
    var extent: (start: UInt64, count: UInt64)? {
        switch opcode {
        case .read10, .write10, .synchronizeCache10:
            (UInt64(bytes.bigEndian32(at: 2)), UInt64(bytes.bigEndian16(at: 7)))
        case .read16, .write16, .synchronizeCache16, .writeSame16:
            (bytes.bigEndian64(at: 2), UInt64(bytes.bigEndian32(at: 10)))
        default: nil
        }
    }

    /// The blocks that a command touches, for faults of certain blocks.
    var blocks: Range<UInt64>? {
        guard let extent else { return nil }
        let (end, overflow) = extent.start.addingReportingOverflow(extent.count)
        return extent.start..<(overflow ? .max : end)
    }

    /// The most that a command which returns a parameter list may return; nil where the CDB has no such field.
    var allocationLength: Int? {
        switch opcode {
        case .inquiry: Int(bytes.bigEndian16(at: 3))
        case .requestSense, .modeSense6: Int(bytes[4])
        case .serviceActionIn16: Int(bytes.bigEndian32(at: 10))
        case .reportLUNs: Int(bytes.bigEndian32(at: 6))
        default: nil
        }
    }

    /// The bytes that a command wants from the initiator.
    func dataOutLength(blockSize: UInt32) -> Int {
        switch opcode {
        case .write10, .write16: Int(extent?.count ?? 0) * Int(blockSize)
        case .writeSame16: bytes[1] & 1 == 1 ? 0 : Int(blockSize)
        case .unmap: Int(bytes.bigEndian16(at: 7))
        default: 0
        }
    }
}
