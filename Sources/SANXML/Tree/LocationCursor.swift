import SANModel

/// Turns byte offsets into lines and columns; asked in ascending order it reads the document once.
struct LocationCursor {
    private let bytes: [UInt8]
    private var offset = 0
    private var current = SourceLocation(line: 1, column: 1)

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The line, and the column counted in characters, of an offset; one past the end is the end.
    mutating func location(at target: Int) -> SourceLocation {
        if target < offset {
            offset = 0
            current = SourceLocation(line: 1, column: 1)
        }
        while offset < min(target, bytes.count) {
            if bytes[offset] == UInt8(ascii: "\n") {
                current.line += 1
                current.column = 1
            } else if offset + 1 == bytes.count || bytes[offset + 1] & 0xC0 != 0x80 {
                current.column += 1
            }
            offset += 1
        }
        return current
    }

    static func location(of offset: Int, in bytes: [UInt8]) -> SourceLocation {
        var cursor = LocationCursor(bytes)
        return cursor.location(at: offset)
    }
}
