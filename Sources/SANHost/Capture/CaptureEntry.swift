/// One line of a capture: something of a host's file tree.
///
/// A letter, a path, and what is there: `D` a folder, `L` a link and where it leads, `F` a file and its text (newlines, tabs and backslashes as
/// `\n`, `\t`, `\\`; a space in a path as `\s`), `B` a file and its bytes in hex, `W` a file that can only be written. `#` begins a remark.
public struct CaptureEntry: Sendable, Hashable {
    /// Below the host's root, absolute.
    public var path: String
    public var content: Content
    /// Whether the text may name something that is replaced: numbers and states may not.
    var isNamed: Bool

    public enum Content: Sendable, Hashable {
        case folder
        case link(String)
        case file([UInt8])
        case writable
    }

    init(_ path: String, _ content: Content, isNamed: Bool = false) {
        self.path = path
        self.content = content
        self.isNamed = isNamed
    }

    /// The line, without its newline.
    public var line: String {
        switch content {
        case .folder: "D \(Self.escaped(path))"
        case .link(let target): "L \(Self.escaped(path)) \(target)"
        case .writable: "W \(Self.escaped(path))"
        case .file(let bytes):
            if let text = String(validating: bytes, as: UTF8.self), text.unicodeScalars.allSatisfy(Self.isPlain) {
                "F \(Self.escaped(path)) \(Self.escapedText(text))"
            } else {
                "B \(Self.escaped(path)) \(hexadecimal(bytes))"
            }
        }
    }

    /// Whether a scalar can stand in a line, or has an escape.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\n" || scalar == "\t"
            || (scalar.value >= 0x20 && scalar.value != 0x7F && !(0x80..<0xA0 ~= scalar.value))
    }

    private static func escapedText(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    private static func escaped(_ path: String) -> String {
        escapedText(path).split(separator: " ", omittingEmptySubsequences: false).joined(separator: "\\s")
    }
}
