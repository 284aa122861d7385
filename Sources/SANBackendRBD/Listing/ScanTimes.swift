import SANModel

/// How long the parts of a look at a pool took, for the log: "names 4.1 ms, headers 45.0 ms".
struct ScanTimes: Sendable, CustomStringConvertible {
    private var parts: [(name: String, time: Duration)] = []

    mutating func measure<Value>(
        _ name: String, _ body: () throws(StorageError) -> Value
    ) throws(StorageError) -> Value {
        let start = ContinuousClock.now
        let value = try body()
        parts.append((name, start.duration(to: .now)))
        return value
    }

    var description: String {
        parts.map { part in
            let tenths = part.time / .microseconds(100)
            return "\(part.name) \(Int64(tenths) / 10).\(Int64(tenths) % 10) ms"
        }.joined(separator: ", ")
    }
}
