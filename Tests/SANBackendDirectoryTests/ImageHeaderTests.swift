import SANModel
import Testing

@testable import SANBackendDirectory
@testable import SANImages

/// Headers made by hand after their documents, and headers that make no sense.
@Suite struct ImageHeaderTests {
    static func header(_ bytes: [UInt8], fileSize: UInt64? = nil) -> ImageHeader? {
        if case .header(let header) = ImageHeader.parse(bytes.span, fileSize: fileSize ?? UInt64(bytes.count)) {
            header
        } else {
            nil
        }
    }

    static func footer(_ bytes: [UInt8]) -> ImageHeader? {
        ImageHeader.parseFooter(bytes.span, fileSize: 9000)
    }

    @Test(arguments: HandMadeImage.all)
    func `Formats are told by their headers`(image: HandMadeImage) throws {
        let header = try #require(Self.header(image.bytes, fileSize: image.fileSize))
        #expect(header.format == image.format)
        #expect((header.spansFile ? ByteCount(image.fileSize) : header.capacity) == image.capacity)
        #expect(header.backing.map { String(decoding: $0.name, as: UTF8.self) } == image.backing)
        #expect(header.flaws.isEmpty)
    }

    @Test(arguments: HandMadeImage.all)
    func `Cut headers are no images, and say so`(image: HandMadeImage) throws {
        for count in 0..<min(image.bytes.count, 600) {
            let cut = Array(image.bytes.prefix(count))
            let header = try #require(Self.header(cut))
            #expect(header.format == .raw || header.format == image.format)
        }
    }

    @Test func `Random bytes never crash a parser`() {
        var generator = SeededGenerator(state: 7)
        for round in 0..<20_000 {
            var bytes = HandMadeImage.all[round % HandMadeImage.all.count].bytes
            for _ in 0..<Int.random(in: 1...24, using: &generator) where !bytes.isEmpty {
                let index = Int.random(in: 0..<min(bytes.count, 700), using: &generator)
                bytes[index] =
                    [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)].randomElement(
                        using: &generator) ?? 0
            }
            let size = [UInt64(bytes.count), 0, .max, 1 << 40].randomElement(using: &generator) ?? 0
            if case .needs(let count) = ImageHeader.parse(bytes.span, fileSize: size) {
                #expect(count > bytes.count && count <= ImageHeader.longestHeader)
            }
            _ = Self.footer(Array(bytes.prefix(512)))
        }
    }

    /// Growing or shrinking what has no payload would cut the key slots off.
    @Test func `A detached LUKS header has no capacity`() throws {
        var one = HandMadeImage.luks.bytes
        one.replaceSubrange(104..<108, with: [0, 0, 0, 0])
        let two = HandMadeImage.luks2.bytes
        for bytes in [one, two.replacing(Array("16777216".utf8), with: Array("0000000".utf8) + [UInt8(ascii: "0")])] {
            let header = try #require(Self.header(bytes, fileSize: 16 << 20))
            #expect(header.format == "luks" && header.capacity == nil && header.payloadOffset == nil)
            #expect(header.flaws.count == 1)
        }
    }

    @Test func `A LUKS 2 header of the greatest length is read as far as its text goes`() throws {
        var bytes = HandMadeImage.luks2.bytes
        bytes.replaceSubrange(8..<16, with: HandMadeImage.big64(4 << 20))
        guard case .needs(let count) = ImageHeader.parse(bytes.span, fileSize: 24 << 20) else {
            Issue.record("The text may go on")
            return
        }
        #expect(count == ImageHeader.longestHeader)
        bytes += [UInt8](repeating: 0, count: count - bytes.count)
        let header = try #require(Self.header(bytes, fileSize: 24 << 20))
        #expect(header.capacity == 8 << 20)
        #expect(header.flaws.isEmpty)
    }

    @Test func `A capacity over 2^63 - 1 is a flaw, not a number`() throws {
        var bytes = HandMadeImage.qcow2(version: 3).bytes
        bytes.replaceSubrange(24..<32, with: [UInt8](repeating: 0xFF, count: 8))
        let header = try #require(Self.header(bytes))
        #expect(header.format == .qcow2)
        #expect(header.capacity == nil)
        #expect(header.flaws.count == 1)
    }

    @Test func `A product that overflows is a flaw`() throws {
        var bytes = HandMadeImage.vmdk.bytes
        bytes.replaceSubrange(12..<20, with: [0, 0, 0, 0, 0, 0, 0, 0x80])
        #expect(Self.header(bytes)?.capacity == nil)
        #expect(Self.header(bytes)?.flaws.isEmpty == false)
    }

    /// A name that isn't in the header isn't read from the rest of the image.
    @Test func `A backing name outside of the header is a flaw`() throws {
        for (offset, length): (UInt64, UInt32) in [(.max, 4), (1 << 40, 4), (200, 5000), (1 << 20, 1)] {
            let bytes = HandMadeImage.qcow2(version: 3, backingOffset: offset, backingLength: length).bytes
            let header = try #require(Self.header(bytes, fileSize: 1 << 50))
            #expect(header.backing == nil)
            #expect(!header.flaws.isEmpty)
        }
    }

    @Test func `A long header is asked for, once and with a limit`() throws {
        let image = HandMadeImage.qcow2(version: 3, backingOffset: 50_000, backingLength: 8)
        guard case .needs(let count) = ImageHeader.parse(image.bytes.span, fileSize: 1 << 20) else {
            Issue.record("The first bytes can't be enough")
            return
        }
        #expect(count == 50_008)
        let long = image.bytes + [UInt8](repeating: 0, count: 50_000 - image.bytes.count) + Array("back.raw".utf8)
        #expect(Self.header(long, fileSize: 1 << 20)?.backing?.name == Array("back.raw".utf8))
    }

    /// CVE-2024-32498: the header of a qcow2 can say that its data is in another file.
    @Test func `An external data file is seen`() throws {
        #expect(Self.header(HandMadeImage.qcow2(version: 3, incompatible: 4).bytes)?.hasExternalData == true)
        #expect(Self.header(HandMadeImage.qcow2(version: 3).bytes)?.hasExternalData == false)
    }

    /// CVE-2022-47951: so can a vmdk's descriptor.
    @Test func `Extents of a vmdk are seen`() throws {
        let flat = HandMadeImage.vmdk(createType: "monolithicFlat").bytes
        #expect(Self.header(flat)?.hasExternalData == true)
        #expect(Self.header(HandMadeImage.vmdk.bytes)?.hasExternalData == false)
    }

    @Test func `Features of qcow2 are read`() throws {
        let header = try #require(Self.header(HandMadeImage.qcow2(version: 3, incompatible: 16, compatible: 1).bytes))
        #expect(header.features == VolumeTarget.Features(lazyRefcounts: true, extendedL2: true))
        #expect(header.compat == "1.1")
        #expect(header.clusterSize == 65_536)
        let old = try #require(Self.header(HandMadeImage.qcow2(version: 2).bytes))
        #expect(old.features == nil)
        #expect(old.compat == "0.10")
    }

    @Test func `A corrupt mark and unknown features are told`() throws {
        #expect(Self.header(HandMadeImage.qcow2(version: 3, incompatible: 2).bytes)?.flaws.count == 1)
        #expect(Self.header(HandMadeImage.qcow2(version: 3, incompatible: 1 << 40).bytes)?.flaws.count == 1)
    }

    @Test func `Footers are looked for by name only`() {
        #expect(ImageHeader.mayHaveFooter("a.DMG"))
        #expect(ImageHeader.mayHaveFooter("a.vhd"))
        #expect(!ImageHeader.mayHaveFooter("dmg"))
        #expect(!ImageHeader.mayHaveFooter("disk.img"))
    }

    @Test func `dmg and fixed vhd are told by their footers`() throws {
        var koly = [UInt8](repeating: 0, count: 512)
        koly.replaceSubrange(0..<12, with: Array("koly".utf8) + [0, 0, 0, 4, 0, 0, 2, 0])
        koly.replaceSubrange(492..<500, with: [0, 0, 0, 0, 0, 0, 0x40, 0])
        let dmg = try #require(Self.footer(koly))
        #expect(dmg.format == "dmg")
        #expect(dmg.capacity == 8_388_608)
        koly.removeLast()
        let cut = Self.footer(koly)
        #expect(cut == nil)
        let vhd = try #require(Self.footer(HandMadeImage.vpc.bytes))
        #expect(vhd.format == "vpc")
    }

    @Test func `iso is told by its volume descriptor`() {
        let descriptors: [([UInt8], VolumeFormat?)] = [
            ([1] + Array("CD001".utf8) + [1, 0], "iso"), ([UInt8](repeating: 0, count: 8), nil), ([1], nil),
        ]
        for (bytes, format) in descriptors {
            let header = ImageHeader.parseISO(bytes.span)
            #expect(header?.format == format)
        }
    }
}

/// The same numbers at every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
