/// The notes on an image, gathered piece by piece.
///
/// The cluster keeps keys and values as bytes, whatever they are, and the keys in the order of their bytes.
struct ImageMetadata {
    /// The most bytes that are kept, of keys and values; the most of the keys and of the values of one answer, too.
    static let limit = 1 << 20

    /// What a document can hold: UTF-8 without control characters.
    private(set) var found: [String: String] = [:]
    /// The key after which to go on; empty for the beginning.
    private(set) var last: [UInt8] = []
    private var length = 0

    /// Whether there is no room for more.
    var isFull: Bool { length > ImageMetadata.limit }

    enum Outcome: Sendable, Hashable {
        /// More comes after ``last``.
        case taken
        case end
        /// Some value has a NUL of its own, or no end: whose it is shows where each is asked for alone. Nothing was taken.
        case unclear
    }

    /// Takes what an answer holds.
    ///
    /// - Parameters:
    ///   - keys: each with a NUL at its end, as the values are.
    mutating func take(keys: some Sequence<CChar>, values: some Sequence<CChar>) -> Outcome {
        let keys = ImageMetadata.texts(keys)
        guard let end = keys.last, last.lexicographicallyPrecedes(end) else { return .end }
        var values = ImageMetadata.texts(values)
        if keys.count == 1, !values.isEmpty { values = [Array(values.joined(separator: [0]))] }
        guard values.count == keys.count else { return .unclear }
        last = end
        for (key, value) in zip(keys, values) {
            length += key.count + value.count
            guard let key = String(validating: key, as: UTF8.self), key.isPrintable,
                let value = String(validating: value, as: UTF8.self), value.isPrintable
            else { continue }
            found[key] = value
        }
        return .taken
    }

    private static func texts(_ bytes: some Sequence<CChar>) -> [[UInt8]] {
        var pieces = bytes.map { UInt8(bitPattern: $0) }.split(separator: 0, omittingEmptySubsequences: false)
        if !pieces.isEmpty { pieces.removeLast() }
        return pieces.map { Array($0) }
    }
}
