import SANModel

/// What libvirt 9.0 (Debian 12) said of images that qemu-img 7.2 made, from `virsh vol-dumpxml`.
///
/// Each line: name, `qemu-img create` arguments (`@` is the image), capacity, physical, format, compat, cluster size, backing path and format.
/// libvirt shows luks as raw with `<encryption format='luks'>`, a qcow2 of version 2 without `<compat>`, and a fixed vhd as raw; where we
/// differ on purpose, `ours` has what we show.
struct LibvirtFact: Sendable {
    var name: String
    var arguments: [String]
    var capacity: ByteCount
    var physical: ByteCount
    var format: VolumeFormat
    var ours: VolumeFormat?
    var compat: String?
    var clusterSize: ByteCount?
    var features: VolumeTarget.Features?
    var backing: (path: String, format: VolumeFormat?)?
    var encryption: EncryptionDefinition.Format?

    init(
        _ name: String, _ arguments: String, _ capacity: ByteCount, _ physical: ByteCount, _ format: VolumeFormat,
        ours: VolumeFormat? = nil, compat: String? = nil, clusterSize: ByteCount? = nil,
        features: VolumeTarget.Features? = nil, backing: (String, VolumeFormat?)? = nil,
        encryption: EncryptionDefinition.Format? = nil
    ) {
        self.name = name
        self.arguments = arguments.split(separator: " ").map(String.init)
        self.capacity = capacity
        self.physical = physical
        self.format = format
        self.ours = ours
        self.compat = compat
        self.clusterSize = clusterSize
        self.features = features
        self.backing = backing
        self.encryption = encryption
    }

    static let all: [LibvirtFact] = [
        LibvirtFact("img.raw", "-f raw @ 8M", 8_388_608, 8_388_608, .raw),
        LibvirtFact(
            "img.qcow2", "-f qcow2 @ 8M", 8_388_608, 196_616, .qcow2, compat: "1.1", clusterSize: 65_536,
            features: .init()),
        LibvirtFact(
            "v2.qcow2", "-f qcow2 -o compat=0.10 @ 9M", 9_437_184, 196_616, .qcow2, compat: "0.10", clusterSize: 65_536),
        LibvirtFact(
            "feat.qcow2", "-f qcow2 -o compat=1.1,lazy_refcounts=on,cluster_size=128k,extended_l2=on @ 10M", 10_485_760,
            393_224,
            .qcow2, compat: "1.1", clusterSize: 131_072, features: .init(lazyRefcounts: true, extendedL2: true)),
        LibvirtFact(
            "rel.qcow2", "-f qcow2 -u -b v2.qcow2 -F qcow2 @ 9M", 9_437_184, 196_616, .qcow2, compat: "1.1",
            clusterSize: 65_536, features: .init(), backing: ("v2.qcow2", .qcow2)),
        LibvirtFact(
            "nbd.qcow2", "-f qcow2 -u -b nbd://h/x -F raw @ 8M", 8_388_608, 196_616, .qcow2, compat: "1.1",
            clusterSize: 65_536, features: .init(), backing: ("nbd://h/x", .raw)),
        LibvirtFact(
            "data.qcow2", "-f qcow2 -o data_file=@.data,data_file_raw=on @ 8M", 8_388_608, 327_680, .qcow2,
            compat: "1.1",
            clusterSize: 65_536, features: .init()),
        LibvirtFact("img.qcow", "-f qcow @ 8M", 8_388_608, 560, "qcow"),
        LibvirtFact(
            "back.qcow", "-f qcow -u -b v2.qcow2 -F qcow2 @ 9M", 9_437_184, 568, "qcow", backing: ("v2.qcow2", nil)),
        LibvirtFact("img.qed", "-f qed @ 8M", 8_388_608, 327_680, "qed"),
        LibvirtFact("img.vmdk", "-f vmdk @ 8M", 8_388_608, 65_536, "vmdk"),
        LibvirtFact("stream.vmdk", "-f vmdk -o subformat=streamOptimized @ 8M", 8_388_608, 65_536, "vmdk"),
        LibvirtFact("img.vdi", "-f vdi @ 8M", 8_388_608, 1024, "vdi"),
        LibvirtFact("static.vdi", "-f vdi -o static=on @ 8M", 8_388_608, 8_389_632, "vdi"),
        LibvirtFact("img.vpc", "-f vpc @ 8M", 8_390_656, 2560, "vpc"),
        LibvirtFact("fixed.vpc", "-f vpc -o subformat=fixed @ 8M", 8_390_656, 8_391_168, .raw, ours: "vpc"),
        LibvirtFact(
            "img.luks", "-f luks --object secret,id=s,data=x -o key-secret=s,iter-time=10 @ 8M", 8_388_608, 10_457_088,
            .raw,
            ours: "luks", encryption: .luks),
        LibvirtFact(
            "enc.qcow2",
            "-f qcow2 --object secret,id=s,data=x -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 @ 8M",
            8_388_608, 2_359_296, .qcow2, compat: "1.1", clusterSize: 65_536, features: .init(), encryption: .luks),
    ]
}
