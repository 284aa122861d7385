import SANModel

/// qed (docs/interop/qed_spec.txt of QEMU), the cow of User Mode Linux, and vmdk.
extension ImageHeader {
    static func parseQED(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        guard bytes.has("QED\0") else { return nil }
        guard let features = bytes.littleEndian(UInt64.self, at: 16),
            let offset = bytes.littleEndian(UInt32.self, at: 56), let length = bytes.littleEndian(UInt32.self, at: 60)
        else { return .needs(64) }
        var header = ImageHeader("qed")
        header.setCapacity(bytes.littleEndian(UInt64.self, at: 48))
        guard features & 1 != 0 else { return .header(header) }
        return header.readingBackingName(
            bytes, fileSize, at: UInt64(offset), length: length, format: features & 4 != 0 ? .raw : nil)
    }

    static func parseCOW(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        guard bytes.has("OOOM") else { return nil }
        guard let version = bytes.bigEndian(UInt32.self, at: 4), let name = bytes.cString(at: 8, limit: 1024),
            bytes.count >= 1048
        else { return .needs(1048) }
        guard version == 2 else {
            return .header(
                .spanningFile(.raw, flaws: ["It begins like a cow image, but of the unknown version \(version)"]))
        }
        var header = ImageHeader("cow")
        header.setCapacity(bytes.bigEndian(UInt64.self, at: 1036))
        if !name.isEmpty { header.backing = Backing(name: name, format: nil) }
        return .header(header)
    }

    static func parseVMDK(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        if bytes.has("COWD") {
            guard let sectors = bytes.littleEndian(UInt32.self, at: 12) else { return .needs(16) }
            var header = ImageHeader("vmdk")
            header.setCapacity(UInt64(sectors), unit: 512)
            header.hasExternalData = true  // what its parent is stands in a descriptor beside it
            return .header(header)
        }
        guard bytes.has("KDMV") else { return nil }
        guard let version = bytes.littleEndian(UInt32.self, at: 4),
            let sectors = bytes.littleEndian(UInt64.self, at: 12),
            let offset = bytes.littleEndian(UInt64.self, at: 28), let count = bytes.littleEndian(UInt64.self, at: 36)
        else { return .needs(44) }
        var header = ImageHeader("vmdk")
        if !(1...3).contains(version) { header.flaws.append("Its header is of the unknown version \(version)") }
        header.setCapacity(sectors, unit: 512)
        // QEMU opens the extents that the descriptor names when the header itself has no capacity (CVE-2022-47951).
        if sectors == 0 { header.hasExternalData = true }
        guard offset != 0, count != 0 else { return .header(header) }
        let longest = UInt64(longestHeader / 512)
        guard offset < longest, count <= longest - offset, (offset + count) * 512 <= fileSize else {
            header.flaws.append("Its descriptor is outside of the file")
            header.hasExternalData = true
            return .header(header)
        }
        guard let descriptor = bytes.cString(at: Int(offset) * 512, limit: Int(count) * 512) else {
            return .needs(Int(offset + count) * 512)
        }
        header.readDescriptor(descriptor)
        return .header(header)
    }

    private mutating func readDescriptor(_ text: [UInt8]) {
        let lines = text.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        for line in lines {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = line[(equals + 1)...].filter { $0 != UInt8(ascii: "\"") }
            switch String(decoding: line[..<equals].filter { $0 != UInt8(ascii: " ") }, as: UTF8.self) {
            case "parentFileNameHint" where !value.isEmpty:
                backing = Backing(name: value, format: "vmdk")
            case "createType":
                let kind = String(decoding: value, as: UTF8.self)
                if !["monolithicSparse", "streamOptimized"].contains(kind) { hasExternalData = true }
            default: break
            }
        }
    }
}
