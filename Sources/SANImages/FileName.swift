import SANModel

/// The name of a file in a pool's folder: one component, fit for documents.
package struct FileName: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    /// What the names of files and folders begin with in which a volume is made before it gets its own name.
    package static let privatePrefix = ".sanctl-"

    /// - Throws: `invalid_argument` for an empty name, `.`, `..`, one with a `/` or a control character, one over 255 bytes, and for one
    ///   with ``privatePrefix``.
    package init(_ text: String) throws(StorageError) {
        guard FileName.isUsable(text) else {
            throw StorageError(
                .invalidArgument,
                "'\(text.printable)' can't be the name of a volume: 1 to 255 bytes without '/' and control characters, not '.' or '..', and nothing that begins with '\(FileName.privatePrefix)'",
                subject: .volume(text.printable))
        }
        self.text = text
    }

    package var description: String { text }

    /// Whether a volume may have this name.
    package static func isUsable(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...255).contains(bytes.count), text != ".", text != "..", !text.hasPrefix(FileName.privatePrefix) else {
            return false
        }
        return bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }
    }
}
