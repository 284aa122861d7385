public import SANModel

/// VPD page 0x83: the designators that say which unit this is (SPC-5, 7.7.6).
public struct DeviceIdentification: Sendable, Hashable {
    public static let page: UInt8 = 0x83

    /// The designators of the unit itself, in the page's order; those of ports and of the target aren't kept.
    public let designators: [Designator]

    /// - Throws: `backend_failure` for another page, a length beyond the bytes, and a designator that leaves the page.
    public init(_ bytes: [UInt8]) throws(StorageError) {
        let payload = try VitalProductPage(bytes, page: DeviceIdentification.page).payload
        let reader = PayloadReader(bytes: payload, what: "VPD page 0x83")
        var designators: [Designator] = []
        var offset = 0
        while offset < payload.count {
            let codeSet = try reader.byte(at: offset) & 0x0F
            let flags = try reader.byte(at: offset + 1)
            let length = Int(try reader.byte(at: offset + 3))
            guard offset + 4 + length <= payload.count else {
                throw reader.malformed("the designator at \(offset) has \(length) bytes and leaves the page")
            }
            if (flags >> 4) & 0x3 == 0 {
                let value = Array(payload[offset + 4..<offset + 4 + length])
                designators.append(Designator(kind: flags & 0x0F, codeSet: codeSet, value: value))
            }
            offset += 4 + length
        }
        self.designators = designators
    }

    /// The best designator as `scsi_id` spells it, `3600…`: NAA before EUI-64 before SCSI name before T10; nil where there is none.
    public var identity: String? {
        let ranked = designators.enumerated().map { (rank: $1.rank, index: $0, designator: $1) }
        return ranked.sorted { ($0.rank, $0.index) < ($1.rank, $1.index) }
            .lazy.compactMap(\.designator.identity).first
    }

    /// Every designator that identifies the unit, as `scsi_id` spells it, in the page's order.
    public var identities: [String] { designators.compactMap(\.identity) }

    /// One designator of a unit.
    public struct Designator: Sendable, Hashable {
        /// 1 T10 vendor identification, 2 EUI-64, 3 NAA, 8 SCSI name string.
        public let kind: UInt8
        /// 1 binary, 2 ASCII, 3 UTF-8.
        public let codeSet: UInt8
        public let value: [UInt8]

        /// The designator with its kind before it; nil for a kind that identifies nobody, and for a value that is empty or malformed.
        var identity: String? {
            switch kind {
            case 1: return text.map { "1" + SCSIText.identifier($0) }
            case 2 where [8, 12, 16].contains(binary?.count): return binary.map { "2" + hexadecimal($0) }
            case 3: return isNAA ? binary.map { "3" + hexadecimal($0) } : nil
            case 8: return text.flatMap(Designator.nameIdentity)
            default: return nil
            }
        }

        /// Lower is better.
        ///
        /// Among NAA designators the registered ones, which are unique in the world, come first.
        var rank: Int {
            switch kind {
            case 3:
                switch (binary?.first ?? 0) >> 4 {
                case 6: 0
                case 5: 1
                case 2: 2
                default: 3
                }
            case 2: 4
            case 8: 5
            default: 6
            }
        }

        /// A SCSI name string that is an NAA or EUI-64 name in text is that name.
        private static func nameIdentity(_ text: String) -> String? {
            let lowered = text.lowercased()
            for (prefix, kind) in [("naa.", "3"), ("eui.", "2")] where lowered.hasPrefix(prefix) {
                let digits = lowered.dropFirst(4)
                return !digits.isEmpty && digits.allSatisfy(\.isHexDigit) ? kind + digits : nil
            }
            return "8" + SCSIText.identifier(text)
        }

        private var text: String? {
            codeSet == 2 || codeSet == 3 ? SCSIText.trimmed(value) : nil
        }

        /// The value as binary; ASCII hex digits count too, as `scsi_id` takes them.
        ///
        /// All zeros is no identity: whoever sends it sends it for every unit.
        private var binary: [UInt8]? {
            let bytes: [UInt8]
            switch codeSet {
            case 1: bytes = value
            case 2:
                let digits = (text ?? "").compactMap(\.hexDigitValue)
                guard digits.count == value.count, digits.count.isMultiple(of: 2) else { return nil }
                bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
            default: return nil
            }
            return bytes.contains { $0 != 0 } ? bytes : nil
        }

        private var isNAA: Bool {
            guard let binary, let first = binary.first else { return false }
            return switch first >> 4 {
            case 2, 3, 5: binary.count == 8
            case 6: binary.count == 16
            default: false
            }
        }
    }
}
