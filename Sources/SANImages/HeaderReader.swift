import SANModel

/// Reads the header of one file after another: one read for most of them.
package struct HeaderReader {
    private var buffer = [UInt8](repeating: 0, count: ImageHeader.firstRead)

    package init() {}

    /// Recognises a file.
    ///
    /// - Parameters:
    ///   - name: of the file; dmg and fixed vhd are looked for where it says so.
    ///   - size: in bytes.
    ///   - allocation: of the blocks that it has, in bytes.
    ///   - read: fills the buffer from an offset on as far as the file goes, and returns how many bytes that were.
    /// - Throws: what `read` throws.
    package mutating func header(
        named name: String, size: UInt64, allocation: UInt64,
        _ read: (inout [UInt8], UInt64) throws(StorageError) -> Int
    ) throws(StorageError) -> ImageHeader {
        guard size > 0 else { return .spanningFile(.raw) }
        let count = try read(&buffer, 0)
        switch ImageHeader.parse(buffer.span.extracting(0..<count), fileSize: size) {
        case .needs(let needed): return try longHeader(needed, size, read)
        case .header(let header) where header.format == .raw && header.flaws.isEmpty:
            return try distantHeader(named: name, size, allocation, read) ?? header
        case .header(let header): return header
        }
    }

    /// Reads again where a header is longer than the first read: each round needs more than the one before, up to a limit.
    private func longHeader(
        _ needed: Int, _ size: UInt64, _ read: (inout [UInt8], UInt64) throws(StorageError) -> Int
    ) throws(StorageError) -> ImageHeader {
        var needed = needed
        while true {
            var bytes = [UInt8](repeating: 0, count: needed)
            let count = try read(&bytes, 0)
            switch ImageHeader.parse(bytes.span.extracting(0..<count), fileSize: size) {
            case .header(let header): return header
            case .needs(let more) where count == needed && more > needed: needed = more
            case .needs: return .spanningFile(.raw, flaws: ["It became shorter while its header was read"])
            }
        }
    }

    /// What tells itself by other bytes than the first: iso, and by their names dmg and fixed vhd.
    private func distantHeader(
        named name: String, _ size: UInt64, _ allocation: UInt64,
        _ read: (inout [UInt8], UInt64) throws(StorageError) -> Int
    ) throws(StorageError) -> ImageHeader? {
        if ImageHeader.mayHaveFooter(name), size >= UInt64(ImageHeader.footerLength) {
            var footer = [UInt8](repeating: 0, count: ImageHeader.footerLength)
            let count = try read(&footer, size - UInt64(footer.count))
            if let header = ImageHeader.parseFooter(footer.span.extracting(0..<count), fileSize: size) {
                return header
            }
        }
        // One block at most is the sparse image that 'qemu-img create' and we make: no descriptor can be 32 KiB into that.
        let hasRoom = size >= ImageHeader.isoOffset + 2048
        guard hasRoom, allocation > 4096 || name.lowercased().hasSuffix(".iso") else { return nil }
        var descriptor = [UInt8](repeating: 0, count: 8)
        let count = try read(&descriptor, ImageHeader.isoOffset)
        return ImageHeader.parseISO(descriptor.span.extracting(0..<count))
    }
}
