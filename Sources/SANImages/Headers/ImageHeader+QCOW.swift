import SANModel

/// qcow and qcow2, after docs/interop/qcow2.txt of QEMU.
extension ImageHeader {
    static func parseQCOW(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        guard bytes.has("QFI"), bytes.count > 3, bytes[3] == 0xFB else { return nil }
        guard let version = bytes.bigEndian(UInt32.self, at: 4) else { return .needs(72) }
        switch version {
        case 1: return parseQCOW1(bytes, fileSize: fileSize)
        case 2, 3: return parseQCOW2(bytes, fileSize: fileSize, version: version)
        default:
            let flaw = "It begins like a qcow2 image, but of the unknown version \(version)"
            return .header(.spanningFile(.raw, flaws: [flaw]))
        }
    }

    private static func parseQCOW1(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition {
        guard let offset = bytes.bigEndian(UInt64.self, at: 8), let length = bytes.bigEndian(UInt32.self, at: 16),
            let method = bytes.bigEndian(UInt32.self, at: 36), bytes.count >= 48
        else { return .needs(48) }
        var header = ImageHeader("qcow")
        header.setCapacity(bytes.bigEndian(UInt64.self, at: 24))
        if method == 1 { header.encryption = .qcow }
        return header.readingBackingName(bytes, fileSize, at: offset, length: length, format: nil)
    }

    private static func parseQCOW2(_ bytes: Span<UInt8>, fileSize: UInt64, version: UInt32) -> Recognition {
        guard bytes.count >= (version == 2 ? 72 : 104), let offset = bytes.bigEndian(UInt64.self, at: 8),
            let length = bytes.bigEndian(UInt32.self, at: 16), let clusterBits = bytes.bigEndian(UInt32.self, at: 20),
            let method = bytes.bigEndian(UInt32.self, at: 32), let snapshots = bytes.bigEndian(UInt32.self, at: 60)
        else { return .needs(version == 2 ? 72 : 104) }
        var header = ImageHeader(.qcow2)
        header.setCapacity(bytes.bigEndian(UInt64.self, at: 24))
        if (9...21).contains(clusterBits) {
            header.clusterSize = ByteCount(1 << UInt64(clusterBits))
        } else {
            header.flaws.append("Its header has clusters of 2^\(clusterBits) bytes: 2^9 to 2^21 are possible")
        }
        switch method {
        case 0: break
        case 1: header.encryption = .qcow
        case 2: header.encryption = .luks
        default: header.flaws.append("Its header has the unknown encryption method \(method)")
        }
        header.snapshots = snapshots
        header.compat = version == 2 ? "0.10" : "1.1"
        var start = 72
        if version == 3 {
            header.readFeatures(bytes)
            start = Int(bytes.bigEndian(UInt32.self, at: 100) ?? 104)
        }
        let end = header.extensionEnd(backingOffset: offset)
        switch header.readExtensions(bytes, from: start, to: end) {
        case .complete(let backingFormat):
            return header.readingBackingName(bytes, fileSize, at: offset, length: length, format: backingFormat)
        case .needs(let count) where UInt64(count) <= fileSize && count <= longestHeader && count > bytes.count:
            return .needs(count)
        case .needs:
            header.flaws.append("The extensions of its header are cut short")
            return header.readingBackingName(bytes, fileSize, at: offset, length: length, format: nil)
        }
    }

    private mutating func readFeatures(_ bytes: Span<UInt8>) {
        let incompatible = bytes.bigEndian(UInt64.self, at: 72) ?? 0
        let compatible = bytes.bigEndian(UInt64.self, at: 80) ?? 0
        features = VolumeTarget.Features(lazyRefcounts: compatible & 1 != 0, extendedL2: incompatible & 1 << 4 != 0)
        if incompatible & 1 << 1 != 0 { flaws.append("It is marked corrupt: check it with 'qemu-img check'") }
        if incompatible & 1 << 2 != 0 { hasExternalData = true }
        if incompatible & ~0x1F != 0 { flaws.append("It needs features of qcow2 that aren't known") }
    }

    /// The extensions end where the backing file's name begins, else with the first cluster.
    private func extensionEnd(backingOffset: UInt64) -> Int {
        let cluster = Int(clusterSize?.bytes ?? 512)
        return backingOffset == 0 || backingOffset > UInt64(cluster) ? cluster : Int(backingOffset)
    }

    private enum Extensions {
        case complete(backingFormat: VolumeFormat?)
        case needs(Int)
    }

    private func readExtensions(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Extensions {
        var position = start
        while position + 8 <= end {
            guard let type = bytes.bigEndian(UInt32.self, at: position),
                let length = bytes.bigEndian(UInt32.self, at: position + 4)
            else { return .needs(position + 8) }
            if type == 0 { break }
            let body = position + 8
            guard Int(length) <= end - body else { return .needs(Int.max) }
            if type == 0xE279_2ACA {
                guard let name = bytes.bytes(at: body, count: Int(length)) else { return .needs(body + Int(length)) }
                return .complete(backingFormat: VolumeFormat(header: name))
            }
            position = body + (Int(length) + 7) / 8 * 8
        }
        return .complete(backingFormat: nil)
    }

    /// Adds the name of the backing file.
    func readingBackingName(
        _ bytes: Span<UInt8>, _ fileSize: UInt64, at offset: UInt64, length: UInt32, format: VolumeFormat?
    ) -> Recognition {
        var header = self
        guard offset != 0, length != 0 else { return .header(header) }
        let (end, overflow) = offset.addingReportingOverflow(UInt64(length))
        guard length <= 1023, !overflow, end <= fileSize, end <= UInt64(ImageHeader.longestHeader) else {
            header.flaws.append("The name of its backing file is outside of its header")
            return .header(header)
        }
        guard let name = bytes.bytes(at: Int(offset), count: Int(length)) else {
            if Int(end) > bytes.count { return .needs(Int(end)) }
            return .header(header)
        }
        header.backing = Backing(name: name, format: format)
        return .header(header)
    }
}

extension VolumeFormat {
    /// The format that a header names; nil for a name that isn't a format of files.
    init?(header name: [UInt8]) {
        let format = VolumeFormat(rawValue: String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
        guard VolumeFormat.files.contains(format) else { return nil }
        self = format
    }
}
