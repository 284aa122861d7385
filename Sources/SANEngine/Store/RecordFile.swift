import SANModel

/// The frame of a record in a file: eight bytes of magic with the version, the payload's length and checksum, the payload.
enum RecordFile {
    enum Kind: String {
        case state = "SANSTAT3"
        case volumes = "SANVOLS7"
        /// Without ``Volume/isEncryptionUnknown``; read on, as a refresh takes secrets over from the last list.
        case volumesBefore = "SANVOLS6"
        case activation = "SANACTV1"
    }

    private static let headerLength = 24

    static func frame(_ payload: [UInt8], as kind: Kind) -> [UInt8] {
        var file: [UInt8] = []
        file.reserveCapacity(headerLength + payload.count)
        file.append(contentsOf: kind.rawValue.utf8)
        append(UInt64(payload.count), to: &file)
        append(checksum(of: payload, from: 0), to: &file)
        file.append(contentsOf: payload)
        return file
    }

    /// Whether a file begins as one of this kind does.
    static func isOf(_ kind: Kind, _ file: [UInt8]) -> Bool {
        file.prefix(8).elementsEqual(kind.rawValue.utf8)
    }

    /// Whether it is a file of this kind, of another version of sanctl: the last byte of the magic is the version's digit.
    static func isOfOtherVersion(_ file: [UInt8], _ kind: Kind) -> Bool {
        let magic = kind.rawValue.utf8
        guard file.count >= headerLength, file.prefix(7).elementsEqual(magic.prefix(7)) else { return false }
        return file[7] != magic.last && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(file[7])
    }

    /// A decoder at the start of the payload.
    static func open(_ file: [UInt8], as kind: Kind) throws(DamagedRecord) -> RecordDecoder {
        guard file.count >= headerLength, isOf(kind, file),
            number(in: file, at: 8) == UInt64(file.count - headerLength),
            number(in: file, at: 16) == checksum(of: file, from: headerLength)
        else { throw DamagedRecord() }
        return RecordDecoder(file, from: headerLength)
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    private static func number(in bytes: [UInt8], at offset: Int) -> UInt64 {
        bytes[offset..<(offset + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// FNV-1a over words of eight bytes.
    ///
    /// Not against malice: against a file that was cut or mixed.
    private static func checksum(of bytes: [UInt8], from start: Int) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var position = start
        unsafe bytes.withUnsafeBytes { buffer in
            while position + 8 <= buffer.count {
                let word = unsafe buffer.loadUnaligned(fromByteOffset: position, as: UInt64.self).littleEndian
                hash = (hash ^ word) &* 0x100_0000_01B3
                hash ^= hash >> 29
                position += 8
            }
            while position < buffer.count {
                hash = unsafe (hash ^ UInt64(buffer[position])) &* 0x100_0000_01B3
                position += 1
            }
        }
        return hash
    }
}
