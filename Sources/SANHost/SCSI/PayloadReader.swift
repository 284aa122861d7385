import SANModel

/// Reads big-endian fields of a payload that a target sent: every access is checked, nothing traps.
struct PayloadReader {
    let bytes: [UInt8]
    /// For messages: `VPD page 0x83`.
    private let what: () -> String

    init(bytes: [UInt8], what: @autoclosure @escaping () -> String) {
        self.bytes = bytes
        self.what = what
    }

    /// - Throws: `backend_failure` where the payload ends before the field does.
    func integer(at offset: Int, bytes count: Int) throws(StorageError) -> UInt64 {
        guard offset >= 0, offset + count <= bytes.count else { throw malformed("it ends after \(bytes.count) bytes") }
        return bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
    }

    func byte(at offset: Int) throws(StorageError) -> UInt8 {
        guard offset >= 0, offset < bytes.count else { throw malformed("it ends after \(bytes.count) bytes") }
        return bytes[offset]
    }

    func malformed(_ detail: String) -> StorageError {
        StorageError(.backendFailure, "The target's \(what()) is malformed: \(detail)")
    }
}

/// Text fields of SCSI payloads: ASCII, padded with spaces, and hostile.
enum SCSIText {
    /// The field without its padding; a byte that isn't printable ASCII becomes `?`; nil where nothing is left.
    static func trimmed(_ field: some Sequence<UInt8>) -> String? {
        let text = field.prefix { $0 != 0 }.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        guard let first = text.firstIndex(where: { $0 != 0x20 }), let last = text.lastIndex(where: { $0 != 0x20 })
        else { return nil }
        return String(decoding: text[first...last], as: UTF8.self)
    }

    /// The text as `scsi_id` spells it: runs of white space become one `_`, and so does what a udev name can't hold.
    ///
    /// - Parameter text: what ``trimmed(_:)`` gave.
    static func identifier(_ text: String) -> String {
        let words = text.utf8.split(separator: UInt8(ascii: " "))
        let bytes = Array(words.joined(separator: [UInt8(ascii: "_")]))
        return String(decoding: bytes.map { isAllowed($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "#+-.:=@_".utf8.contains(byte)
        }
    }
}

/// Lower-case hex digits of bytes, two for each.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10 }
    var digits: [UInt8] = []
    for byte in bytes {
        digits.append(digit(byte >> 4))
        digits.append(digit(byte & 0xF))
    }
    return String(decoding: digits, as: UTF8.self)
}

/// A number as at least `digits` lower-case hex digits, without `0x`.
func hexadecimal(_ value: some BinaryInteger, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
