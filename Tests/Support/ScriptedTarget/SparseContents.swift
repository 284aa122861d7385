/// The bytes of a unit of any size; what was never written costs nothing and reads as zeroes.
public struct SparseContents: Sendable {
    static let pageSize = 65_536

    private var pages: [UInt64: [UInt8]] = [:]

    public init() {}

    /// Bytes held in memory, in whole pages of 64 KiB.
    public var allocatedBytes: Int { pages.count * Self.pageSize }

    public func read(at offset: UInt64, count: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        for piece in Self.pieces(offset, count) {
            if let page = pages[piece.page] {
                result.append(contentsOf: page[piece.range])
            } else {
                result.append(contentsOf: repeatElement(0, count: piece.range.count))
            }
        }
        return result
    }

    public mutating func write(_ bytes: [UInt8], at offset: UInt64) {
        var taken = 0
        for piece in Self.pieces(offset, bytes.count) {
            let source = bytes[taken..<taken + piece.range.count]
            pages[piece.page, default: [UInt8](repeating: 0, count: Self.pageSize)]
                .replaceSubrange(piece.range, with: source)
            taken += piece.range.count
        }
    }

    /// Forgets a range, which then reads as zeroes.
    public mutating func discard(at offset: UInt64, count: UInt64) {
        guard count > 0 else { return }
        let size = UInt64(Self.pageSize)
        let last = UInt64.max - offset < count - 1 ? UInt64.max : offset + (count - 1)
        for page in pages.keys where page >= offset / size && page <= last / size {
            let start = page * size
            let range = Int(max(offset, start) - start)...Int(min(last, start + (size - 1)) - start)
            if range.count == Self.pageSize {
                pages[page] = nil
            } else {
                pages[page]?.replaceSubrange(range, with: repeatElement(0, count: range.count))
            }
        }
    }

    /// Whether `offset` lies in a page that is held, and where that stops being so (at most `limit`).
    func run(at offset: UInt64, limit: UInt64) -> (isMapped: Bool, end: UInt64) {
        let size = UInt64(Self.pageSize)
        let isMapped = pages[offset / size] != nil
        guard isMapped else {
            let next = pages.keys.filter { $0 > offset / size }.min()
            return (false, min(limit, next.map { $0 * size } ?? limit))
        }
        var page = offset / size
        while pages[page] != nil, page * size < limit { page += 1 }
        return (true, min(limit, page * size))
    }

    private static func pieces(_ offset: UInt64, _ count: Int) -> [(page: UInt64, range: Range<Int>)] {
        var pieces: [(page: UInt64, range: Range<Int>)] = []
        var position = offset
        var left = count
        while left > 0 {
            let start = Int(position % UInt64(pageSize))
            let length = min(left, pageSize - start)
            pieces.append((position / UInt64(pageSize), start..<start + length))
            position &+= UInt64(length)
            left -= length
        }
        return pieces
    }
}
