extension ScriptedTarget {
    /// The eight-byte forms of a LUN that REPORT LUNS gives: SAM-5, 4.7.
    public enum LUNAddress {
        /// Peripheral device addressing.
        public static func peripheral(_ lun: UInt8, bus: UInt8 = 0) -> UInt64 {
            UInt64(bus & 0x3F) << 56 | UInt64(lun) << 48
        }

        /// Flat space addressing, 14 bits.
        public static func flat(_ lun: UInt16) -> UInt64 {
            (0x4000 | UInt64(lun & 0x3FFF)) << 48
        }

        /// Extended flat space addressing, 24 bits.
        public static func extended(_ lun: UInt32) -> UInt64 {
            0xD2 << 56 | UInt64(lun & 0xFF_FFFF) << 32
        }

        /// Long extended flat space addressing, 40 bits.
        public static func longExtended(_ lun: UInt64) -> UInt64 {
            0xE2 << 56 | (lun & 0xFF_FFFF_FFFF) << 16
        }

        /// The REPORT LUNS well known logical unit.
        public static let reportLUNsWellKnown: UInt64 = 0xC101 << 48

        /// The shortest form for a LUN's number; numbers of more than 40 bits are taken for the eight bytes themselves.
        public static func shortest(_ number: UInt64) -> UInt64 {
            switch number {
            case 0..<256: number << 48
            case 256..<0x4000: (0x4000 | number) << 48
            case 0x4000..<0x100_0000: 0xD2 << 56 | number << 32
            case 0x100_0000..<0x100_0000_0000: longExtended(number)
            default: number
            }
        }

        /// The number a command's eight bytes stand for, or the bytes themselves where they stand for none.
        public static func number(of raw: UInt64) -> UInt64 {
            switch raw >> 56 {
            case 0: (raw & 0x0000_FFFF_FFFF_FFFF) == 0 ? raw >> 48 : raw
            case 0x40..<0x80: (raw & 0x0000_FFFF_FFFF_FFFF) == 0 ? (raw >> 48) & 0x3FFF : raw
            case 0xD2: (raw & 0xFFFF_FFFF) == 0 ? (raw >> 32) & 0xFF_FFFF : raw
            case 0xE2: (raw & 0xFFFF) == 0 ? (raw >> 16) & 0xFF_FFFF_FFFF : raw
            default: raw
            }
        }
    }
}
