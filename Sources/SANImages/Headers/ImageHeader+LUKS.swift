import SANModel

/// LUKS 1 and 2, after the on-disk format specifications of cryptsetup.
extension ImageHeader {
    static func parseLUKS(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition? {
        guard bytes.has("LUKS"), bytes.bigEndian(UInt16.self, at: 4) == 0xBABE else { return nil }
        guard let version = bytes.bigEndian(UInt16.self, at: 6) else { return .needs(208) }
        switch version {
        case 1: return parseLUKS1(bytes, fileSize: fileSize)
        case 2: return parseLUKS2(bytes, fileSize: fileSize)
        default:
            let flaw = "It begins like a LUKS volume, but of the unknown version \(version)"
            return .header(.spanningFile(.raw, flaws: [flaw]))
        }
    }

    private static func parseLUKS1(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition {
        guard bytes.count >= 208, let sectors = bytes.bigEndian(UInt32.self, at: 104) else { return .needs(208) }
        var header = ImageHeader("luks")
        header.encryption = .luks
        header.setPayload(at: UInt64(sectors) * 512, after: 592, fileSize: fileSize, size: nil)
        return .header(header)
    }

    private static func parseLUKS2(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition {
        guard let size = bytes.bigEndian(UInt64.self, at: 8), bytes.count >= 4096 else { return .needs(4096) }
        var header = ImageHeader("luks")
        header.encryption = .luks2
        // 16 KiB to 4 MiB; the text in it is much shorter, and only so much of it is looked at.
        guard size > 4096, size <= 4 << 20, size <= fileSize else {
            header.flaws.append("The length of its LUKS 2 header makes no sense, so its capacity isn't known")
            return .header(header)
        }
        let end = min(Int(size), longestHeader)
        guard let json = bytes.cString(at: 4096, limit: end - 4096) else { return .needs(end) }
        guard let segment = LUKS2Segment(metadata: json) else {
            header.flaws.append("Its LUKS 2 header has no data segment that can be read, so its capacity isn't known")
            return .header(header)
        }
        header.setPayload(at: segment.offset, after: size, fileSize: fileSize, size: segment.size)
        return .header(header)
    }

    /// - Parameter end: of the header. The payload of a detached header, in another file or device, begins at 0.
    private mutating func setPayload(at offset: UInt64, after end: UInt64, fileSize: UInt64, size: UInt64?) {
        guard offset >= end else {
            flaws.append("It is a detached LUKS header: the data is elsewhere, so its capacity isn't known")
            return
        }
        guard offset <= fileSize else {
            flaws.append("The payload of the LUKS volume begins behind the end of the file")
            return
        }
        payloadOffset = ByteCount(offset)
        setCapacity(size ?? fileSize - offset)
    }
}

/// The first data segment of LUKS 2's JSON: where it begins, and its size if that isn't the rest of the file.
struct LUKS2Segment {
    var offset: UInt64
    var size: UInt64?

    /// - Parameter metadata: the JSON area; only `"segments":{"0":{… "offset":"N" … "size":"N|dynamic" …}}` is looked at.
    init?(metadata: [UInt8]) {
        guard let segments = metadata[...].after("\"segments\""),
            let close = segments.firstIndex(of: UInt8(ascii: "}"))
        else { return nil }
        let segment = segments[..<close]
        guard let offset = segment.quotedValue(of: "\"offset\"").flatMap({ UInt64(decimal: $0) }),
            let size = segment.quotedValue(of: "\"size\"")
        else { return nil }
        self.offset = offset
        if size == "dynamic" { return }
        guard let number = UInt64(decimal: size) else { return nil }
        self.size = number
    }
}

extension ArraySlice<UInt8> {
    /// What follows the first occurrence of a text.
    fileprivate func after(_ text: String) -> ArraySlice<UInt8>? {
        let wanted = Array(text.utf8)
        var rest = self
        while let start = rest.firstIndex(of: wanted[0]) {
            if rest[start...].starts(with: wanted) { return rest[(start + wanted.count)...] }
            rest = rest[(start + 1)...]
        }
        return nil
    }

    fileprivate func quotedValue(of key: String) -> String? {
        guard let rest = after(key)?.drop(while: { " :\n\t".utf8.contains($0) }), rest.first == UInt8(ascii: "\"")
        else { return nil }
        let value = rest.dropFirst()
        return value.firstIndex(of: UInt8(ascii: "\"")).map { String(decoding: value[..<$0], as: UTF8.self) }
    }
}
