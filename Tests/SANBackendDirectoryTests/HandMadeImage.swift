import SANModel
import Testing

/// The first bytes of an image, put together after the format's document.
struct HandMadeImage: Sendable, CustomTestStringConvertible {
    var format: VolumeFormat
    var bytes: [UInt8]
    var fileSize: UInt64
    var capacity: ByteCount?
    var backing: String?

    var testDescription: String { format.rawValue }

    init(
        _ format: VolumeFormat, _ capacity: ByteCount?, fileSize: UInt64 = 1 << 20, backing: String? = nil,
        _ bytes: [UInt8]
    ) {
        self.format = format
        self.capacity = capacity
        self.backing = backing
        self.bytes = bytes
        self.fileSize = fileSize
    }

    static let all: [HandMadeImage] = [
        raw, bochs(version: 1), bochs(version: 2), cloop, cow, qcow, qcow2(version: 2), qcow2(version: 3), qed, vmdk,
        cowd, vdi, vpc, ploop, extendedPloop, luks, luks2,
    ]

    static let raw = HandMadeImage(.raw, 1 << 20, field([0xEB, 0x3C, 0x90], 4096))

    /// bochs, iodev/hdimage/hdimage.h: magic 32, type 16, subtype 16, version, header, catalogue, bitmap, extent, [time,] size.
    static func bochs(version: UInt32) -> HandMadeImage {
        var bytes = text("Bochs Virtual HD Image", 32) + text("Redolog", 16) + text("Growing", 16)
        bytes += little(version << 16) + little(512) + little(512) + little(512) + little(4096)
        if version == 2 { bytes += little(0) }
        bytes += little64(8 << 20)
        return HandMadeImage("bochs", 8_388_608, field(bytes, 512))
    }

    static let cloop = HandMadeImage(
        "cloop", 6_553_600,
        text("#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n", 128)
            + big(65_536)
            + big(100))

    static let cow = HandMadeImage(
        "cow", 8_388_608, backing: "base.img",
        Array("OOOM".utf8) + big(2) + text("base.img", 1024) + big(0) + big64(8 << 20) + big(512))

    static let qcow = HandMadeImage(
        "qcow", 8_388_608, backing: "base",
        [0x51, 0x46, 0x49, 0xFB] + big(1) + big64(48) + big(4) + big(0) + big64(8 << 20) + [12, 9, 0, 0] + big(0)
            + big64(52)
            + Array("base".utf8))

    static func qcow2(
        version: UInt32, incompatible: UInt64 = 0, compatible: UInt64 = 0, backingOffset: UInt64 = 0,
        backingLength: UInt32 = 0
    ) -> HandMadeImage {
        var bytes: [UInt8] =
            [0x51, 0x46, 0x49, 0xFB] + big(version) + big64(backingOffset) + big(backingLength) + big(16)
        bytes += big64(8 << 20) + big(0) + big(1) + big64(0x30000) + big64(0x10000) + big(1) + big(0) + big64(0)
        if version == 3 { bytes += big64(incompatible) + big64(compatible) + big64(0) + big(4) + big(104) }
        return HandMadeImage(.qcow2, 8_388_608, field(bytes, 4096))
    }

    static let qed: HandMadeImage = {
        var bytes =
            Array("QED\0".utf8) + little(65_536) + little(4) + little(1) + little64(5) + little64(0) + little64(0)
        bytes += little64(65_536) + little64(8 << 20) + little(64) + little(8) + Array("base.raw".utf8)
        return HandMadeImage("qed", 8_388_608, backing: "base.raw", bytes)
    }()

    static let vmdk = vmdk(createType: "monolithicSparse")

    static func vmdk(createType: String) -> HandMadeImage {
        var bytes =
            Array("KDMV".utf8) + little(1) + little(3) + little64(16_384) + little64(128) + little64(1) + little64(2)
        bytes = field(bytes + little(512), 512)
        bytes += text("# Disk DescriptorFile\nversion=1\ncreateType=\"\(createType)\"\n", 1024)
        return HandMadeImage("vmdk", 8_388_608, bytes)
    }

    static let cowd = HandMadeImage(
        "vmdk", 8_388_608, Array("COWD".utf8) + little(1) + little(3) + little(16_384) + little(128))

    static let vdi: HandMadeImage = {
        var bytes = text("<<< Oracle VM VirtualBox Disk Image >>>\n", 64) + little(0xBEDA_107F) + little(0x0001_0001)
        bytes = field(bytes + little(400) + little(1), 368) + little64(8 << 20)
        return HandMadeImage("vdi", 8_388_608, field(bytes, 512))
    }()

    static let vpc: HandMadeImage = {
        var bytes =
            Array("conectix".utf8) + big(2) + big(0x1_0000) + big64(512) + big(0) + Array("qem2".utf8) + big(0x5_0003)
        bytes += Array("Wi2k".utf8) + big64(8 << 20) + big64(8 << 20) + big(0x00F0_0411) + big(3)
        return HandMadeImage("vpc", 8_388_608, field(bytes, 512))
    }()

    static let ploop = HandMadeImage(
        "ploop", 8_388_608,
        Array("WithoutFreeSpace".utf8) + little(2) + little(16) + little(2048) + little(8) + little(8) + little(16_384)
            + little(0xFFFF) + little(0))

    static let extendedPloop = HandMadeImage(
        "ploop", 8_388_608,
        Array("WithouFreSpacExt".utf8) + little(2) + little(16) + little(2048) + little(8) + little(8)
            + little64(16_384))

    static let luks: HandMadeImage = {
        var bytes: [UInt8] = Array("LUKS".utf8) + [0xBA, 0xBE, 0, 1] + text("aes", 32) + text("xts-plain64", 32)
        bytes += text("sha256", 32) + big(4096)
        return HandMadeImage("luks", 1_048_576, fileSize: 4096 * 512 + 1_048_576, field(bytes, 592))
    }()

    static let luks2: HandMadeImage = {
        let json =
            #"{"keyslots":{"0":{"area":{"offset":"32768","size":"258048"}}},"segments":{"0":{"type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0"}},"config":{}}"#
        let bytes: [UInt8] = Array("LUKS".utf8) + [0xBA, 0xBE, 0, 2] + big64(16_384)
        return HandMadeImage(
            "luks", 8_388_608, fileSize: 16_777_216 + 8_388_608, field(bytes, 4096) + text(json, 12_288))
    }()

    static func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
    static func big64(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) } }
    static func little(_ value: UInt32) -> [UInt8] { big(value).reversed() }
    static func little64(_ value: UInt64) -> [UInt8] { big64(value).reversed() }
    static func text(_ text: String, _ count: Int) -> [UInt8] { field(Array(text.utf8), count) }
    static func field(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: count - bytes.count)
    }
}
