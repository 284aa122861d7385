/// An answer of the cluster that makes no sense.
struct DamagedAnswer: Error {}

/// Reads Ceph's encoding: little-endian numbers; texts with their length in four bytes.
struct CephDecoder {
    private let bytes: ArraySlice<UInt8>
    private(set) var position: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
        position = 0
    }

    mutating func byte() throws(DamagedAnswer) -> UInt8 {
        try take(1).first ?? 0
    }

    mutating func number32() throws(DamagedAnswer) -> UInt32 {
        try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func number64() throws(DamagedAnswer) -> UInt64 {
        try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func text() throws(DamagedAnswer) -> String {
        let length = Int(try number32())
        return String(decoding: try take(length), as: UTF8.self)
    }

    mutating func take(_ count: Int) throws(DamagedAnswer) -> ArraySlice<UInt8> {
        guard count >= 0, count <= bytes.count - position else { throw DamagedAnswer() }
        defer { position += count }
        return bytes[position..<position + count]
    }
}

extension [UInt8] {
    /// A number as Ceph encodes it.
    static func ceph(_ number: UInt64) -> [UInt8] {
        stride(from: UInt64(0), to: 64, by: 8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    /// A text as Ceph encodes it.
    static func ceph(_ text: String) -> [UInt8] {
        Array([UInt8].ceph(UInt64(text.utf8.count)).prefix(4)) + text.utf8
    }
}
