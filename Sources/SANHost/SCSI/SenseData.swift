/// Why a unit refused or failed a command: sense data in fixed or descriptor format (SPC-5, 4.4).
public struct SenseData: Sendable, Hashable, CustomStringConvertible {
    /// The four bits of the sense key.
    public let key: UInt8
    /// Additional sense code, 0 where there is none.
    public let code: UInt8
    /// Additional sense code qualifier.
    public let qualifier: UInt8

    public init(key: UInt8, code: UInt8 = 0, qualifier: UInt8 = 0) {
        self.key = key & 0x0F
        self.code = code
        self.qualifier = qualifier
    }

    /// - Returns: nil for bytes that are no sense data, or too few of them for a sense key.
    public init?(_ bytes: [UInt8]) {
        func byte(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }
        guard bytes.count >= 3 else { return nil }
        switch bytes[0] & 0x7F {
        case 0x70, 0x71: self.init(key: byte(2), code: byte(12), qualifier: byte(13))
        case 0x72, 0x73: self.init(key: byte(1), code: byte(2), qualifier: byte(3))
        default: return nil
        }
    }

    public static let unitAttention: UInt8 = 0x6
    public static let notReady: UInt8 = 0x2
    public static let illegalRequest: UInt8 = 0x5
    public static let dataProtect: UInt8 = 0x7

    public var isUnitAttention: Bool { key == SenseData.unitAttention }

    /// Whether the unit says that it doesn't know the command, or this form of it.
    public var isUnsupportedCommand: Bool {
        key == SenseData.illegalRequest && (code == 0x20 || code == 0x24 || code == 0x26)
    }

    /// Whether there is no such unit at the target.
    public var isUnknownUnit: Bool { key == SenseData.illegalRequest && code == 0x25 }

    /// Whether what was known of the unit may no longer hold: its size, its identity, or which unit has its number.
    public var invalidatesIdentity: Bool {
        isUnitAttention
            && ((code == 0x3F && [0x03, 0x05, 0x0E].contains(qualifier)) || (code == 0x2A && qualifier == 0x09))
    }

    /// The key and the code in words, and their numbers: `NOT READY, logical unit is becoming ready (2/04/01)`.
    public var description: String {
        let numbers = "(\(String(key, radix: 16))/\(hexadecimal(code, digits: 2))/\(hexadecimal(qualifier, digits: 2)))"
        let words = SenseData.words[UInt16(code) << 8 | UInt16(qualifier)] ?? SenseData.words[UInt16(code) << 8 | 0xFF]
        return [SenseData.keys[Int(key)], words].compactMap(\.self).joined(separator: ", ") + " " + numbers
    }

    private static let keys = [
        "NO SENSE", "RECOVERED ERROR", "NOT READY", "MEDIUM ERROR", "HARDWARE ERROR", "ILLEGAL REQUEST",
        "UNIT ATTENTION", "DATA PROTECT", "BLANK CHECK", "VENDOR SPECIFIC", "COPY ABORTED", "ABORTED COMMAND",
        "RESERVED", "VOLUME OVERFLOW", "MISCOMPARE", "COMPLETED",
    ]

    /// By code and qualifier, from SPC-5, annex F; a qualifier of 0xFF stands for any other one.
    private static let words: [UInt16: String] = [
        0x0400: "logical unit not ready", 0x0401: "logical unit is becoming ready",
        0x0402: "logical unit needs an initializing command", 0x0403: "logical unit needs manual intervention",
        0x0404: "format in progress", 0x0407: "operation in progress", 0x0409: "self-test in progress",
        0x040A: "asymmetric access state transition", 0x040B: "target port in standby state",
        0x040C: "target port in unavailable state", 0x041B: "sanitize in progress", 0x04FF: "logical unit not ready",
        0x0500: "logical unit doesn't respond to selection", 0x0C00: "write error", 0x0CFF: "write error",
        0x1000: "ID CRC or ECC error", 0x1100: "unrecovered read error", 0x11FF: "unrecovered read error",
        0x1A00: "parameter list length error", 0x2000: "invalid command operation code",
        0x2002: "access denied, no access rights", 0x20FF: "access denied", 0x2100: "block address out of range",
        0x2400: "invalid field in the command", 0x2500: "logical unit not supported",
        0x2600: "invalid field in the parameter list", 0x2700: "write protected", 0x27FF: "write protected",
        0x2707: "space allocation failed, the target is full", 0x2800: "medium may have changed",
        0x2900: "power on or reset", 0x2901: "power on", 0x2902: "bus reset", 0x2903: "bus device reset",
        0x2904: "internal reset", 0x29FF: "reset", 0x2A01: "mode parameters changed", 0x2A09: "capacity changed",
        0x2A06: "asymmetric access state changed", 0x2AFF: "parameters changed", 0x2F00: "commands cleared",
        0x3100: "medium format corrupted", 0x3800: "event status notification",
        0x3807: "thin provisioning soft threshold reached", 0x3A00: "medium not present", 0x3AFF: "medium not present",
        0x3E00: "logical unit isn't configured yet", 0x3E01: "logical unit failure", 0x3F01: "microcode changed",
        0x3F03: "INQUIRY data changed", 0x3F05: "device identifier changed", 0x3F0E: "reported LUNs changed",
        0x3FFF: "operating conditions changed", 0x4400: "internal target failure", 0x4700: "parity error",
        0x4B00: "data phase error", 0x5500: "resource failure", 0x5DFF: "failure prediction threshold exceeded",
    ]
}
