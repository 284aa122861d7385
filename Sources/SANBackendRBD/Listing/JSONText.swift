/// A JSON document that a monitor answered with.
indirect enum JSONText: Sendable, Hashable {
    case object([String: JSONText])
    case array([JSONText])
    case string(String)
    /// As it was written.
    case number(String)
    case bool(Bool)
    case null

    /// Nil for what isn't JSON, or is nested deeper than anything that a monitor says.
    init?(_ bytes: [UInt8]) {
        var parser = JSONParser(bytes: bytes)
        guard let value = parser.value(depth: 0), parser.isAtEnd else { return nil }
        self = value
    }

    subscript(key: String) -> JSONText? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var elements: [JSONText] {
        if case .array(let elements) = self { elements } else { [] }
    }

    var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// Nil for what isn't a number from 0 to 2^64 - 1.
    var count: UInt64? {
        if case .number(let digits) = self { UInt64(digits) } else { nil }
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return next == nil
        }
    }

    mutating func value(depth: Int) -> JSONText? {
        skipSpace()
        guard depth < 32, let first = next else { return nil }
        switch first {
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "t"): return takes("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return takes("false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return takes("null") ? .null : nil
        default:
            let digits = bytes[position...].prefix { "+-.0123456789eE".utf8.contains($0) }
            position += digits.count
            return digits.isEmpty ? nil : .number(String(decoding: digits, as: UTF8.self))
        }
    }

    private mutating func object(_ depth: Int) -> JSONText? {
        position += 1
        var members: [String: JSONText] = [:]
        skipSpace()
        if takes("}") { return .object(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\""), let key = string() else { return nil }
            skipSpace()
            guard takes(":"), let value = value(depth: depth + 1) else { return nil }
            members[key] = value
            skipSpace()
            if takes("}") { return .object(members) }
            guard takes(",") else { return nil }
        }
    }

    private mutating func array(_ depth: Int) -> JSONText? {
        position += 1
        var elements: [JSONText] = []
        skipSpace()
        if takes("]") { return .array(elements) }
        while true {
            guard let value = value(depth: depth + 1) else { return nil }
            elements.append(value)
            skipSpace()
            if takes("]") { return .array(elements) }
            guard takes(",") else { return nil }
        }
    }

    private mutating func string() -> String? {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = escape() else { return nil }
                text += escaped
            default: text.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> [UInt8]? {
        guard let byte = next else { return nil }
        position += 1
        switch byte {
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "u"):
            let digits = bytes[position...].prefix(4)
            position += digits.count
            // Half of a pair becomes a replacement character: names with such are shown, never used.
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
            return code.map { Array(String(Character(Unicode.Scalar($0) ?? "\u{FFFD}")).utf8) }
        default: return [byte]
        }
    }

    private mutating func takes(_ word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
    }
}
