public import SANModel

/// What the header of an image file says, as data: nothing that it names is ever opened.
///
/// A guest can write what it likes into a raw image, so the format here is for listing; programs are always told a format.
public struct ImageHeader: Sendable, Hashable {
    public var format: VolumeFormat
    /// The size that a guest sees; nil where it is the size of the file, or where the header makes no sense.
    public var capacity: ByteCount?
    /// Whether the capacity is the size of the file.
    public var spansFile: Bool
    /// qcow2's compatibility level.
    public var compat: String?
    public var clusterSize: ByteCount?
    public var features: VolumeTarget.Features?
    public var encryption: EncryptionDefinition.Format?
    public var backing: Backing?
    /// How many snapshots a qcow2 image has inside.
    public var snapshots: UInt32
    /// Whether the guest's data is in another file that the header names (qcow2's external data file, extents of a vmdk).
    public var hasExternalData: Bool
    /// Where the payload of a LUKS volume begins.
    public var payloadOffset: ByteCount?
    /// Whether it is the end of the file that says so: of a dmg, and of a vhd of fixed size.
    public var isAtEnd: Bool
    /// What makes no sense in it.
    public var flaws: [String]

    /// The name of a backing file as it stands in the header, and its format where the header has that.
    public struct Backing: Sendable, Hashable {
        public var name: [UInt8]
        public var format: VolumeFormat?
    }

    init(_ format: VolumeFormat, capacity: ByteCount? = nil) {
        self.format = format
        self.capacity = capacity
        spansFile = false
        snapshots = 0
        hasExternalData = false
        isAtEnd = false
        flaws = []
    }

    package static func spanningFile(_ format: VolumeFormat, flaws: [String] = []) -> ImageHeader {
        var header = ImageHeader(format)
        header.spansFile = true
        header.flaws = flaws
        return header
    }

    /// A header, or how many bytes from the start of the file are needed to read it.
    public enum Recognition: Sendable, Hashable {
        case header(ImageHeader)
        case needs(Int)
    }

    /// The first bytes that are read of every file: all of most headers.
    public static let firstRead = 4096
    /// The most that is read of any header.
    public static let longestHeader = 128 * 1024
    /// Where an ISO 9660 volume descriptor begins.
    public static let isoOffset: UInt64 = 0x8000
    /// The length of the footers of dmg and of vhd.
    public static let footerLength = 512

    /// Recognises an image by its first bytes.
    ///
    /// - Parameters:
    ///   - bytes: from the start of the file; at least ``firstRead`` of them, or the whole file.
    ///   - fileSize: the size of the whole file in bytes.
    /// - Returns: `raw` for whatever has no known header.
    public static func parse(_ bytes: Span<UInt8>, fileSize: UInt64) -> Recognition {
        for parser in parsers {
            switch parser(bytes, fileSize) {
            case .header(let header): return .header(header)
            case .needs(let count) where count > bytes.count && UInt64(count) <= fileSize && count <= longestHeader:
                return .needs(count)
            case .needs:
                return .header(.spanningFile(.raw, flaws: ["It begins like an image, but its header is cut short"]))
            case nil: continue
            }
        }
        return .header(.spanningFile(.raw))
    }

    typealias Parser = @Sendable (Span<UInt8>, UInt64) -> Recognition?

    private static let parsers: [Parser] = [
        parseQCOW, parseLUKS, parseVMDK, parseQED, parseVDI, parseVPC, parsePloop, parseCOW, parseBochs, parseCloop,
    ]

    /// Recognises an ISO 9660 image by the seven bytes at ``isoOffset``.
    public static func parseISO(_ bytes: Span<UInt8>) -> ImageHeader? {
        bytes.has("CD001", at: 1) ? .spanningFile("iso") : nil
    }

    /// The sectors of a header as bytes; nil, and a flaw, for more than 2^63 - 1 of them.
    mutating func setCapacity(_ count: UInt64?, unit: UInt64 = 1) {
        guard let product = count.map({ $0.multipliedReportingOverflow(by: unit) }), !product.overflow,
            product.partialValue <= UInt64(Int64.max)
        else {
            flaws.append("The capacity in its header is over 2^63 - 1 bytes")
            return
        }
        capacity = ByteCount(product.partialValue)
    }
}
