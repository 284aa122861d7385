extension ScriptedTarget {
    /// What a CHECK CONDITION says: sense key, additional sense code and its qualifier (SPC-4, 4.5).
    public struct Sense: Sendable, Hashable {
        public var key: UInt8
        public var code: UInt8
        public var qualifier: UInt8

        /// The block the condition is about; sent where it fits the 32 bits of the fixed format.
        public var information: UInt64?

        public init(_ key: UInt8, _ code: UInt8, _ qualifier: UInt8, information: UInt64? = nil) {
            self.key = key
            self.code = code
            self.qualifier = qualifier
            self.information = information
        }

        public static let none = Sense(0x0, 0x00, 0x00)
        public static let becomingReady = Sense(0x2, 0x04, 0x01)
        public static let noMedium = Sense(0x2, 0x3A, 0x00)
        public static let unrecoveredReadError = Sense(0x3, 0x11, 0x00)
        public static let writeError = Sense(0x3, 0x0C, 0x00)
        public static let invalidOpcode = Sense(0x5, 0x20, 0x00)
        public static let blockOutOfRange = Sense(0x5, 0x21, 0x00)
        public static let invalidField = Sense(0x5, 0x24, 0x00)
        public static let noSuchUnit = Sense(0x5, 0x25, 0x00)
        public static let powerOnReset = Sense(0x6, 0x29, 0x00)
        public static let capacityChanged = Sense(0x6, 0x2A, 0x09)
        public static let inquiryDataChanged = Sense(0x6, 0x3F, 0x03)
        public static let reportedLUNsChanged = Sense(0x6, 0x3F, 0x0E)
        public static let writeProtected = Sense(0x7, 0x27, 0x00)

        /// Fixed format, 18 bytes.
        var bytes: [UInt8] {
            var bytes = [UInt8](repeating: 0, count: 18)
            bytes[0] = 0x70
            bytes[2] = key
            bytes[7] = 10
            bytes[12] = code
            bytes[13] = qualifier
            if let information, information <= UInt64(UInt32.max) {
                bytes[0] |= 0x80
                bytes.setBigEndian(information, width: 4, at: 3)
            }
            return bytes
        }
    }
}
