extension ScriptedTarget {
    /// A SCSI operation code, the first byte of a CDB.
    public struct Opcode: RawRepresentable, Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
        public let rawValue: UInt8

        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        public init(integerLiteral value: UInt8) {
            rawValue = value
        }

        public static let testUnitReady: Opcode = 0x00
        public static let requestSense: Opcode = 0x03
        public static let inquiry: Opcode = 0x12
        public static let modeSense6: Opcode = 0x1A
        public static let readCapacity10: Opcode = 0x25
        public static let read10: Opcode = 0x28
        public static let write10: Opcode = 0x2A
        public static let synchronizeCache10: Opcode = 0x35
        public static let unmap: Opcode = 0x42
        public static let read16: Opcode = 0x88
        public static let write16: Opcode = 0x8A
        public static let synchronizeCache16: Opcode = 0x91
        public static let writeSame16: Opcode = 0x93
        /// SERVICE ACTION IN(16): READ CAPACITY(16) and GET LBA STATUS.
        public static let serviceActionIn16: Opcode = 0x9E
        public static let reportLUNs: Opcode = 0xA0

        /// The code in hexadecimal, such as `0x8A`.
        public var description: String {
            let digits = String(rawValue, radix: 16, uppercase: true)
            return "0x" + String(repeating: "0", count: 2 - digits.count) + digits
        }
    }

    /// Which operation codes something applies to.
    public enum Opcodes: Sendable, Hashable, ExpressibleByArrayLiteral {
        case all
        case only(Set<Opcode>)
        case except(Set<Opcode>)

        public init(arrayLiteral elements: Opcode...) {
            self = .only(Set(elements))
        }

        /// READ and WRITE of any length.
        public static let readsAndWrites: Opcodes = [.read10, .read16, .write10, .write16]
        public static let reads: Opcodes = [.read10, .read16]
        public static let writes: Opcodes = [.write10, .write16]
        public static let readCapacity: Opcodes = [.readCapacity10, .serviceActionIn16]

        /// All but INQUIRY, REPORT LUNS and REQUEST SENSE, which SAM-5, 5.14 has answered whatever the state of the unit.
        public static let statefulOnly: Opcodes = .except([.inquiry, .reportLUNs, .requestSense])

        public func contains(_ opcode: Opcode) -> Bool {
            switch self {
            case .all: true
            case .only(let opcodes): opcodes.contains(opcode)
            case .except(let opcodes): !opcodes.contains(opcode)
            }
        }
    }
}
