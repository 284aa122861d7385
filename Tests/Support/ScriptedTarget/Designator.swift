extension ScriptedLUN {
    /// One identifier of VPD page 0x83 (SPC-4, 7.8.6).
    public struct Designator: Sendable, Hashable {
        /// 1 binary, 2 ASCII, 3 UTF-8.
        public var codeSet: UInt8
        /// 0 vendor specific, 1 T10 vendor, 2 EUI-64, 3 NAA, 4 relative port, 8 SCSI name string.
        public var type: UInt8
        /// 0 the logical unit, 1 the target port, 2 the target device.
        public var association: UInt8
        public var bytes: [UInt8]
        /// What the length byte claims, where that isn't the truth.
        public var claimedLength: UInt8?

        public init(codeSet: UInt8, type: UInt8, association: UInt8 = 0, bytes: [UInt8], claimedLength: UInt8? = nil) {
            self.codeSet = codeSet
            self.type = type
            self.association = association
            self.bytes = bytes
            self.claimedLength = claimedLength
        }

        /// An NAA identifier of 8 or 16 bytes, the first four bits of it the NAA.
        public static func naa(_ bytes: [UInt8], association: UInt8 = 0) -> Designator {
            Designator(codeSet: 1, type: 3, association: association, bytes: bytes)
        }

        public static func eui64(_ bytes: [UInt8]) -> Designator {
            Designator(codeSet: 1, type: 2, bytes: bytes)
        }

        /// A T10 vendor identifier: the vendor in eight bytes, then what the vendor likes.
        public static func t10Vendor(_ vendor: [UInt8], _ identifier: [UInt8]) -> Designator {
            Designator(codeSet: 2, type: 1, bytes: vendor.padded(to: 8) + identifier)
        }

        public static func scsiName(_ name: [UInt8], association: UInt8 = 0) -> Designator {
            Designator(codeSet: 3, type: 8, association: association, bytes: name)
        }

        public static func relativeTargetPort(_ port: UInt16) -> Designator {
            Designator(codeSet: 1, type: 4, association: 1, bytes: [0, 0, UInt8(port >> 8), UInt8(port & 0xFF)])
        }

        var encoded: [UInt8] {
            // A port's or a device's identifier says which protocol it belongs to; 5 is iSCSI.
            let protocolBits: UInt8 = association == 0 ? 0 : 0x50
            let identified: UInt8 = association == 0 ? 0 : 0x80
            let length = claimedLength ?? UInt8(truncatingIfNeeded: bytes.count)
            return [protocolBits | codeSet & 0xF, identified | (association & 3) << 4 | type & 0xF, 0, length] + bytes
        }
    }
}
