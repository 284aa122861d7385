import SANModel

/// Reads big-endian fields of a payload that a target sent: every access is checked, nothing traps.
struct PayloadReader {
    let bytes: [UInt8]
    /// For messages: `VPD page 0x83`.
    let what: String

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
        StorageError(.backendFailure, "The target's \(what) is malformed: \(detail)")
    }
}

/// Text fields of SCSI payloads: ASCII, padded with spaces, and hostile.
enum SCSIText {
    /// The field without its padding; a byte that isn't printable ASCII becomes `?`; nil where nothing is left.
    static func trimmed(_ field: some Sequence<UInt8>) -> String? {
        let text = Array(field).split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)[0]
        let cleaned = text.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        let inner = cleaned.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed()
        return inner.isEmpty ? nil : String(decoding: Array(inner), as: UTF8.self)
    }

    /// The text as `scsi_id` spells it: runs of white space become one `_`, and so does what a udev name can't hold.
    static func identifier(_ text: String) -> String {
        let words = text.split { $0 == " " }
        let allowed = "#+-.:=@_"
        return words.map { word in
            String(word.map { $0.isASCII && ($0.isLetter || $0.isNumber) || allowed.contains($0) ? $0 : "_" })
        }.joined(separator: "_")
    }
}

/// Lower-case hex digits of bytes, two for each.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.reduce(into: "") { text, byte in
        if byte < 0x10 { text += "0" }
        text += String(byte, radix: 16)
    }
}

/// A number as at least `digits` lower-case hex digits, without `0x`.
func hexadecimal(_ value: some BinaryInteger, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
