import SANModel

/// Bytes that aren't a record, or not a whole one.
struct DamagedRecord: Error {}

/// Reads what ``RecordEncoder`` wrote; every length is checked against what is there, so that hostile bytes end in an error.
struct RecordDecoder: Sendable {
    private let bytes: [UInt8]
    private var position: Int

    init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func byte() throws(DamagedRecord) -> UInt8 {
        guard position < bytes.count else { throw DamagedRecord() }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func flag() throws(DamagedRecord) -> Bool {
        switch try byte() {
        case 0: false
        case 1: true
        default: throw DamagedRecord()
        }
    }

    mutating func number() throws(DamagedRecord) -> UInt64 {
        guard position < bytes.count else { throw DamagedRecord() }
        if bytes[position] < 0x80 {
            defer { position += 1 }
            return UInt64(bytes[position])
        }
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            let part = UInt64(next & 0x7F)
            guard shift < 63 || (shift == 63 && part <= 1) else { throw DamagedRecord() }
            result |= part << shift
            if next < 0x80 { return result }
            shift += 7
        }
    }

    mutating func number32() throws(DamagedRecord) -> UInt32 {
        guard let value = UInt32(exactly: try number()) else { throw DamagedRecord() }
        return value
    }

    mutating func signed() throws(DamagedRecord) -> Int64 {
        let raw = try number()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    /// A count of things of at least one byte each.
    mutating func count() throws(DamagedRecord) -> Int {
        guard let value = Int(exactly: try number()), value <= bytes.count - position else { throw DamagedRecord() }
        return value
    }

    mutating func text() throws(DamagedRecord) -> String {
        let length = try count()
        let end = position + length
        defer { position = end }
        let start = position
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe String(decoding: UnsafeBufferPointer(rebasing: buffer[start..<end]), as: UTF8.self)
        }
    }

    mutating func size() throws(DamagedRecord) -> ByteCount {
        ByteCount(try number())
    }

    mutating func time() throws(DamagedRecord) -> Timestamp {
        let seconds = try signed()
        let nanoseconds = try number32()
        guard nanoseconds < 1_000_000_000 else { throw DamagedRecord() }
        return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    }

    mutating func optional<Value>(
        _ body: (inout RecordDecoder) throws(DamagedRecord) -> Value
    ) throws(DamagedRecord) -> Value? {
        try flag() ? try body(&self) : nil
    }

    mutating func optionalText() throws(DamagedRecord) -> String? {
        try flag() ? try text() : nil
    }

    mutating func optionalSize() throws(DamagedRecord) -> ByteCount? {
        try flag() ? try size() : nil
    }

    mutating func optionalNumber32() throws(DamagedRecord) -> UInt32? {
        try flag() ? try number32() : nil
    }

    mutating func list<Value>(
        _ body: (inout RecordDecoder) throws(DamagedRecord) -> Value
    ) throws(DamagedRecord) -> [Value] {
        let count = try count()
        var result: [Value] = []
        // A hostile count mustn't reserve more than the file could hold.
        result.reserveCapacity(min(count, 65_536))
        for _ in 0..<count { result.append(try body(&self)) }
        return result
    }

    /// A text that names a case.
    mutating func value<Value: RawRepresentable<String>>(_ type: Value.Type) throws(DamagedRecord) -> Value {
        guard let value = Value(rawValue: try text()) else { throw DamagedRecord() }
        return value
    }
}
