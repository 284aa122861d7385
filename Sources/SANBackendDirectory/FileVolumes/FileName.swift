import SANModel

/// The name of a file in a pool's folder: one component, fit for documents.
struct FileName: Sendable, Hashable, CustomStringConvertible {
    let text: String

    /// - Throws: `invalid_argument` for an empty name, `.`, `..`, one with a `/` or a control character, one over 255 bytes, and for the
    ///   names of ``Staging``'s folders.
    init(_ text: String) throws(StorageError) {
        guard FileName.isUsable(text) else {
            throw StorageError(
                .invalidArgument,
                "'\(text.printable)' can't be the name of a volume: 1 to 255 bytes without '/' and control characters, not '.' or '..'",
                subject: .volume(text.printable))
        }
        self.text = text
    }

    var description: String { text }

    /// Whether a volume may have this name.
    static func isUsable(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...255).contains(bytes.count), text != ".", text != "..", !text.hasPrefix(Staging.prefix) else {
            return false
        }
        return bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }
    }
}
