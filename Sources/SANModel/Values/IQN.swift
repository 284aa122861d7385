/// An iSCSI qualified name: `iqn.2013-06.com.example:iscsi-pool` (RFC 3720, 3.2.6.3.1).
public struct IQN: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// - Throws: `invalid_argument` for anything that libvirt's pattern refuses: `iqn.`, a year and month, a reversed domain and,
    ///   after a colon, any printable text; at most 223 bytes.
    public init(_ text: String) throws(StorageError) {
        guard IQN.isQualifiedName(text) else {
            throw StorageError(
                .invalidArgument,
                "'\(text.printable)' isn't an iSCSI qualified name: iqn.YYYY-MM.REVERSED.DOMAIN[:NAME] is needed")
        }
        description = text
    }

    /// Whether the text matches `iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-zA-Z0-9\.\-]+(:.+)?` and is fit for a file name.
    public static func isQualifiedName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count <= 223, text.hasPrefix("iqn."), bytes.count > 12 else { return false }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard bytes[4..<8].allSatisfy(digits.contains), bytes[8] == UInt8(ascii: "-"),
            bytes[9..<11].allSatisfy(digits.contains), bytes[11] == UInt8(ascii: "."),
            let month = UInt8(String(decoding: bytes[9..<11], as: UTF8.self)), (1...12).contains(month)
        else { return false }
        let rest = bytes[12...]
        let domain = rest.prefix { $0 != UInt8(ascii: ":") }
        guard !domain.isEmpty,
            domain.allSatisfy({ byte in
                digits.contains(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            })
        else { return false }
        let name = rest.dropFirst(domain.count)
        return name.isEmpty
            || (name.count > 1 && name.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") })
    }
}
