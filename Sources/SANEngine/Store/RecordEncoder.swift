import SANModel

/// Writes values into bytes: numbers as varints, texts with their length, lists with their count.
struct RecordEncoder: Sendable {
    private(set) var bytes: [UInt8] = []

    init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    mutating func put(_ byte: UInt8) {
        bytes.append(byte)
    }

    mutating func put(_ flag: Bool) {
        bytes.append(flag ? 1 : 0)
    }

    mutating func put(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func put(_ number: UInt32) {
        put(UInt64(number))
    }

    mutating func put(count: Int) {
        put(UInt64(count))
    }

    mutating func put(_ number: Int64) {
        put(UInt64(bitPattern: number << 1 ^ number >> 63))
    }

    mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { buffer in
            put(count: buffer.count)
            unsafe bytes.append(contentsOf: buffer)
        }
    }

    mutating func put(_ size: ByteCount) {
        put(size.bytes)
    }

    mutating func put(_ time: Timestamp) {
        put(time.seconds)
        put(time.nanoseconds)
    }

    mutating func put<Value>(_ value: Value?, _ body: (inout RecordEncoder, Value) -> Void) {
        put(value != nil)
        if let value { body(&self, value) }
    }

    mutating func put(_ text: String?) {
        put(text) { $0.put($1) }
    }

    mutating func put(_ size: ByteCount?) {
        put(size) { $0.put($1) }
    }

    mutating func put(_ number: UInt32?) {
        put(number) { $0.put($1) }
    }

    mutating func put<Value>(list: [Value], _ body: (inout RecordEncoder, Value) -> Void) {
        put(count: list.count)
        for value in list { body(&self, value) }
    }
}
