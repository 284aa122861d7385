import SANModel

/// The start of an image as it was looked at, in a file of ours that QEMU is shown in its place.
///
/// A guest may write to the image between our look and QEMU's: a header that then names another file (a data file of qcow2, an extent of vmdk)
/// would have QEMU open that. So the bytes that decide stand in a private qcow2 overlay, after docs/interop/qcow2.txt of QEMU, and only what
/// comes after them is read from the image itself.
package struct FrozenHeader: Sendable {
    private let bytes: [UInt8]
    private let size: UInt64

    /// - Parameters:
    ///   - bytes: from the start of the image: ``ImageHeader/longestHeader`` of them, or all of it.
    ///   - size: of the whole file.
    ///   - seen: what the caller has judged by.
    /// - Throws: `busy` where the bytes say something else by now.
    package init(_ bytes: [UInt8], size: UInt64, seen: ImageHeader, of volume: Volume) throws(StorageError) {
        // A dmg and a vhd of fixed size are told by their footers, in which QEMU finds no names of files.
        guard case .header(let header) = ImageHeader.parse(bytes.span, fileSize: size),
            header == seen || seen.isAtEnd && header == .spanningFile(.raw)
        else { throw FrozenHeader.changed(volume) }
        self.bytes = bytes
        self.size = size
    }

    package static func changed(_ volume: Volume) -> StorageError {
        StorageError(
            .busy,
            "The header of '\(volume.name.printable)' was changed while it was read: try again when nothing uses it",
            subject: .volume(volume.name.printable))
    }

    private static let clusterBits = 16
    private static let cluster = 1 << clusterBits

    /// The overlay: header, refcount table, refcount block, L1 table, one L2 table, the frozen bytes.
    ///
    /// - Throws: `unsupported` for an image whose L1 table QEMU wouldn't take.
    package func overlay() throws(StorageError) -> [UInt8] {
        let cluster = UInt64(Self.cluster)
        // QEMU rounds the length of a file up to sectors in the same way.
        let capacity = (size + 511) / 512 * 512
        let tables = max(1, (capacity + cluster * cluster / 8 - 1) / (cluster * cluster / 8))
        guard size <= UInt64(Int64.max) - 511, tables <= 1 << 22 else {
            throw StorageError(.unsupported, "An image file of \(size) bytes can't be converted")
        }
        let tableClusters = (tables * 8 + cluster - 1) / cluster
        let dataClusters = (UInt64(bytes.count) + cluster - 1) / cluster
        let firstTable = 3 + tableClusters
        let count = firstTable + 1 + dataClusters
        let isCopied: UInt64 = 1 << 63

        var file = [UInt8](repeating: 0, count: Int(count * cluster))
        file.put([0x51, 0x46, 0x49, 0xFB], at: 0)
        file.put(UInt32(2), at: 4)
        file.put(UInt32(Self.clusterBits), at: 20)
        file.put(capacity, at: 24)
        file.put(UInt32(tables), at: 36)
        file.put(3 * cluster, at: 40)
        file.put(cluster, at: 48)
        file.put(UInt32(1), at: 56)
        file.put(2 * cluster, at: Self.cluster)
        for index in 0..<Int(count) { file.put(UInt16(1), at: 2 * Self.cluster + 2 * index) }
        file.put(firstTable * cluster | isCopied, at: 3 * Self.cluster)
        for index in 0..<dataClusters {
            let data = (firstTable + 1 + index) * cluster
            file.put(data | isCopied, at: Int(firstTable * cluster + 8 * index))
        }
        file.put(bytes, at: Int((firstTable + 1) * cluster))
        return file
    }
}

extension [UInt8] {
    fileprivate mutating func put(_ bytes: [UInt8], at offset: Int) {
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    fileprivate mutating func put<Number: FixedWidthInteger>(_ number: Number, at offset: Int) {
        let width = Number.bitWidth / 8
        for index in 0..<width {
            self[offset + index] = UInt8(truncatingIfNeeded: number >> Number(8 * (width - 1 - index)))
        }
    }
}
