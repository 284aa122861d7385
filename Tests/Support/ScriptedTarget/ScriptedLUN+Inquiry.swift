extension ScriptedLUN {
    private var peripheral: UInt8 { (qualifier & 7) << 5 | deviceType & 0x1F }

    /// The standard INQUIRY data of a LUN that isn't there: SPC-4, 6.6.1.
    static let absentInquiry = [0x7F, 0, 6, 2, 31, 0, 0, 0] + [UInt8](repeating: 0x20, count: 28)

    var standardInquiry: [UInt8] {
        if let rawInquiry { return rawInquiry }
        var data: [UInt8] = [peripheral, isRemovable ? 0x80 : 0, 6, 0x12, 91, 0, 0, 0x02]
        data += vendor.padded(to: 8) + product.padded(to: 16) + revision.padded(to: 4)
        data += [UInt8](repeating: 0, count: 96 - data.count)
        data.setBigEndian(0x0960, width: 2, at: 58)  // iSCSI
        data.setBigEndian(0x0460, width: 2, at: 60)  // SPC-4
        data.setBigEndian(0x04C0, width: 2, at: 62)  // SBC-3
        return data
    }

    /// A whole VPD page; nil where the unit has none of that number.
    func vitalProductData(page: UInt8) -> [UInt8]? {
        guard !missingPages.contains(page) else { return nil }
        if let raw = rawPages[page] { return raw }
        guard let body = vitalProductDataBody(page: page) else { return nil }
        return [peripheral, page, UInt8(truncatingIfNeeded: body.count >> 8), UInt8(truncatingIfNeeded: body.count)]
            + body
    }

    private func vitalProductDataBody(page: UInt8) -> [UInt8]? {
        switch page {
        case 0x00:
            var pages: Set<UInt8> = [0x00, 0x83, 0xB0, 0xB1, 0xB2]
            if serial != nil { pages.insert(0x80) }
            return pages.union(rawPages.keys).subtracting(missingPages).sorted()
        case 0x80: return serial
        case 0x83: return designators.flatMap(\.encoded)
        case 0xB0: return blockLimits
        case 0xB1: return [0, 1] + [UInt8](repeating: 0, count: 58)
        case 0xB2: return [0, isThin ? 0xC4 : 0, isThin ? 2 : 0, 0]
        default: return nil
        }
    }

    private var blockLimits: [UInt8] {
        var body = [UInt8](repeating: 0, count: 60)
        body.setBigEndian(maximumTransferBlocks, width: 4, at: 4)
        if isThin {
            body.setBigEndian(maximumUnmapBlocks, width: 4, at: 16)
            body.setBigEndian(256, width: 4, at: 20)
            body.setBigEndian(unmapGranularity, width: 4, at: 24)
        }
        return body
    }
}
