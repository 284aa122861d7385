import SANEngine
import SANModel

/// A cephx key as librados takes it: in base 64.
///
/// The value of libvirt's secret is the key's bytes, which `virsh secret-set-value` takes in base 64. Where somebody stored the text that
/// `ceph auth print-key` prints instead, the text is taken.
struct CephKey: Sendable {
    /// Base 64, without a NUL.
    let text: SecretBytes

    /// The type 1 (AES) in two bytes, a time in eight, the length 16 in two, and the key.
    private static let length = 28

    /// - Throws: `invalid_argument` for what is no cephx key.
    init(_ value: SecretBytes, of reference: SecretReference) throws(StorageError) {
        var bytes = value.withBytes { span in span.indices.map { span[$0] } }
        defer { SecretBytes.wipe(&bytes) }
        if CephKey.isKey(bytes) {
            var encoded = CephKey.encode(bytes)
            defer { SecretBytes.wipe(&encoded) }
            text = SecretBytes(encoded)
            return
        }
        var trimmed = bytes.filter { !($0 == 0x20 || (0x09...0x0D).contains($0)) }
        defer { SecretBytes.wipe(&trimmed) }
        var decoded = CephKey.decode(trimmed) ?? []
        defer { SecretBytes.wipe(&decoded) }
        guard CephKey.isKey(decoded) else {
            throw StorageError(
                .invalidArgument,
                "The secret isn't a cephx key: set its value to what 'ceph auth print-key client.USER' prints",
                subject: .secret(reference.text))
        }
        text = SecretBytes(trimmed)
    }

    private static func isKey(_ bytes: [UInt8]) -> Bool {
        bytes.count == length && bytes[0] == 1 && bytes[1] == 0 && bytes[10] == 16 && bytes[11] == 0
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            var word = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            var digits: [UInt8] = []
            for _ in 0..<4 {
                digits.insert(alphabet[word & 63], at: 0)
                word >>= 6
            }
            for index in (part.count + 1)..<4 { digits[index] = padding }
            result += digits
        }
        return result
    }

    /// Nil for what isn't base 64.
    static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count.isMultiple(of: 4), text.count <= 4 * length else { return nil }
        let digits = text.reversed().drop { $0 == padding }
        guard text.count - digits.count <= 2 else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(length)
        var (word, bits) = (0, 0)
        for digit in digits.reversed() {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            (word, bits) = ((word << 6 | value) & 0xFFFF, bits + 6)
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: word >> bits))
            }
        }
        return result
    }
}
