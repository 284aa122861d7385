/// One iSCSI PDU without digests: RFC 7143, 11.2.
struct ProtocolDataUnit {
    static let headerLength = 48

    /// The reserved value of task tags.
    static let noTag: UInt32 = 0xFFFF_FFFF

    /// The basic header segment.
    var header: [UInt8]
    var data: [UInt8] = []

    init(_ opcode: TargetOpcode, flags: UInt8 = 0x80, tag: UInt32 = noTag) {
        header = [UInt8](repeating: 0, count: Self.headerLength)
        header[0] = opcode.rawValue
        header[1] = flags
        header.setBigEndian(tag, width: 4, at: 16)
    }

    private init(header: [UInt8], data: [UInt8]) {
        self.header = header
        self.data = data
    }

    var opcode: InitiatorOpcode? { InitiatorOpcode(rawValue: header[0] & 0x3F) }
    var isImmediate: Bool { header[0] & 0x40 != 0 }
    var flags: UInt8 { header[1] }
    var isFinal: Bool { flags & 0x80 != 0 }
    var lun: UInt64 { header.bigEndian64(at: 8) }
    var tag: UInt32 { header.bigEndian32(at: 16) }
    var transferTag: UInt32 { header.bigEndian32(at: 20) }
    var commandSN: UInt32 { header.bigEndian32(at: 24) }

    enum Scan {
        case incomplete
        case tooLong
        case unit(ProtocolDataUnit, consumed: Int)
    }

    /// Takes one PDU off the front of `bytes`; a data segment of more than `limit` bytes isn't taken.
    static func scan(_ bytes: [UInt8], from start: Int, limit: Int) -> Scan {
        guard bytes.count - start >= headerLength else { return .incomplete }
        let header = Array(bytes[start..<start + headerLength])
        let length = Int(header.bigEndian(3, at: 5))
        guard length <= limit else { return .tooLong }
        let dataStart = start + headerLength + Int(header[4]) * 4
        let end = dataStart + (length + 3) & ~3
        guard bytes.count >= end else { return .incomplete }
        let unit = ProtocolDataUnit(header: header, data: Array(bytes[dataStart..<dataStart + length]))
        return .unit(unit, consumed: end - start)
    }

    /// What goes on the wire, with the length field set and the data padded to a word.
    func encoded() -> [UInt8] {
        var bytes = header
        bytes.setBigEndian(data.count, width: 3, at: 5)
        bytes.append(contentsOf: data)
        bytes.append(contentsOf: repeatElement(0, count: (4 - data.count & 3) & 3))
        return bytes
    }
}

/// What an initiator sends: RFC 7143, 11.2.1.2.
enum InitiatorOpcode: UInt8 {
    case nopOut = 0x00
    case command = 0x01
    case taskManagement = 0x02
    case login = 0x03
    case text = 0x04
    case dataOut = 0x05
    case logout = 0x06
    case selectiveAcknowledgment = 0x10
}

/// What a target sends: RFC 7143, 11.2.1.2.
enum TargetOpcode: UInt8 {
    case nopIn = 0x20
    case response = 0x21
    case taskManagementResponse = 0x22
    case loginResponse = 0x23
    case textResponse = 0x24
    case dataIn = 0x25
    case logoutResponse = 0x26
    case readyToTransfer = 0x31
    case reject = 0x3F
}
