import SANEngine
import SANModel
import Testing

@testable import SANCommands

@Suite("Giving a volume to a virtual machine")
struct VolumeAttachmentTests {
    private func lun(_ raw: UInt64) -> Volume {
        var definition = VolumeDefinition(name: "unit:0:0:1", type: .network, capacity: ByteCount(1 << 30))
        definition.target.format = .raw
        return Volume(definition, unit: LogicalUnit(lun: LogicalUnitNumber(raw: raw), deviceType: .disk))
    }

    private func pool(port: UInt16? = nil, user: String? = "myname", host: String = "10.0.0.1") -> PoolDefinition {
        var source = PoolSource()
        source.hosts = [PoolSource.Host(name: host, port: port)]
        source.devices = [PoolSource.Device(path: "iqn.2013-06.com.example:pool")]
        source.initiator = "iqn.2013-06.com.example:initiator"
        source.authentication = user.map {
            PoolSource.Authentication(kind: .chap, username: $0, secret: .usage("lab & demo"))
        }
        return PoolDefinition(type: .iscsiDirect, name: "san", source: source)
    }

    private func image(_ path: String, format: VolumeFormat?, type: VolumeType = .file) -> Volume {
        var definition = VolumeDefinition(name: "disk.img", type: type)
        definition.target.path = path
        definition.target.format = format
        return Volume(definition)
    }

    private func attach(_ image: Volume) throws -> VolumeAttachment {
        try VolumeAttachment(image, poolType: .directory, in: PoolDefinition(type: .directory, name: "d"))
    }

    @Test("gluster: every server, the volume and the file's path in it")
    func gluster() throws {
        var source = PoolSource()
        source.hosts = [PoolSource.Host(name: "10.0.0.1"), PoolSource.Host(name: "fd00::2", port: 24008)]
        source.name = "vol"
        source.directory = "/images/"
        let pool = PoolDefinition(type: .gluster, name: "g", source: source)
        let volume = image("gluster://10.0.0.1/vol/images/disk.img", format: .qcow2, type: .network)
        let attachment = try VolumeAttachment(volume, poolType: .gluster, in: pool)
        #expect(
            try attachment.disk(target: "vda") == """
                <disk type='network' device='disk'>
                  <driver name='qemu' type='qcow2'/>
                  <source protocol='gluster' name='vol/images/disk.img'>
                    <host name='10.0.0.1'/>
                    <host name='fd00::2' port='24008'/>
                  </source>
                  <target dev='vda' bus='virtio'/>
                </disk>

                """)
        #expect(try attachment.uri() == volume.path)
        #expect(throws: StorageError.self) { try attachment.path() }
        let node = JSONWriter.text(of: try attachment.blockDevice(), compact: true)
        #expect(node.contains("\"path\":\"images/disk.img\""))
        #expect(node.contains("{\"host\":\"10.0.0.1\",\"port\":\"24007\",\"type\":\"inet\"}"))
        #expect(node.contains("{\"host\":\"fd00::2\",\"port\":\"24008\",\"type\":\"inet\"}"))
    }

    private func ceph(_ name: String, hosts: [PoolSource.Host], user: String?) -> PoolDefinition {
        var source = PoolSource()
        source.hosts = hosts
        source.name = name
        source.authentication = user.map {
            PoolSource.Authentication(kind: .ceph, username: $0, secret: .usage("client.x"))
        }
        return PoolDefinition(type: .rbd, name: "c", source: source)
    }

    private func cephImage(_ name: String) -> Volume {
        var definition = VolumeDefinition(name: name, type: .network)
        definition.target.format = .raw
        return Volume(definition)
    }

    @Test("rbd: libvirt's disk names image and monitors, and the secret by reference")
    func rbdLibvirt() throws {
        let hosts = [PoolSource.Host(name: "10.0.0.1", port: 6789), PoolSource.Host(name: "fd00::2")]
        let pool = ceph("vms/ns", hosts: hosts, user: "hv")
        var volume = cephImage("web")
        volume.definition.target.encryption = EncryptionDefinition(format: .luks2, secrets: [.usage("vms/ns/web")])
        let attachment = try VolumeAttachment(volume, poolType: .rbd, in: pool)
        #expect(
            try attachment.disk(target: "vda") == """
                <disk type='network' device='disk'>
                  <driver name='qemu' type='raw'/>
                  <source protocol='rbd' name='vms/ns/web'>
                    <host name='10.0.0.1' port='6789'/>
                    <host name='fd00::2'/>
                    <auth username='hv'>
                      <secret type='ceph' usage='client.x'/>
                    </auth>
                    <encryption format='luks2' engine='librbd'>
                      <secret type='passphrase' usage='vms/ns/web'/>
                    </encryption>
                  </source>
                  <target dev='vda' bus='virtio'/>
                </disk>

                """)
        #expect(attachment.secrets.map(\.id) == ["san-cephx", "san-key"])
        #expect(throws: StorageError.self) { try attachment.path() }
        #expect(
            JSONWriter.text(of: try attachment.blockDevice(), compact: true)
                == #"{"driver":"raw","file":{"auth-client-required":["cephx"],"driver":"rbd","#
                + #""encrypt":{"format":"luks2","key-secret":"san-key"},"image":"web","key-secret":"san-cephx","#
                + #""namespace":"ns","pool":"vms","server":[{"host":"10.0.0.1","port":"6789"},"#
                + #"{"host":"fd00::2","port":"3300"},{"host":"fd00::2","port":"6789"}],"user":"hv"},"node-name":"san-web"}"#
        )
    }

    @Test("rbd: an image that may be encrypted isn't given as a plain one")
    func rbdUnknown() throws {
        let pool = ceph("vms", hosts: [PoolSource.Host(name: "10.0.0.1")], user: nil)
        var volume = cephImage("web")
        volume.isEncryptionUnknown = true
        let error = #expect(throws: StorageError.self) {
            _ = try VolumeAttachment(volume, poolType: .rbd, in: pool)
        }
        #expect(error?.code == .invalidState)
        volume.definition.target.encryption = EncryptionDefinition(format: .luks2, secrets: [.usage("vms/web")])
        #expect(try VolumeAttachment(volume, poolType: .rbd, in: pool).secrets.map(\.id) == ["san-key"])
    }

    @Test("rbd: what qemu takes for a mark in its URI has a backslash")
    func rbdURI() throws {
        let plain = try VolumeAttachment(
            cephImage("a:b@c"), poolType: .rbd,
            in: ceph("p", hosts: [.init(name: "fd00::2"), .init(name: "m")], user: nil))
        #expect(try plain.uri() == #"rbd:p/a\:b\@c:auth_supported=none:mon_host=[fd00\:\:2];m"#)
        let user = try VolumeAttachment(
            cephImage("v"), poolType: .rbd, in: ceph("p/n", hosts: [.init(name: "10.0.0.1", port: 3300)], user: "hv"))
        #expect(try user.uri() == #"rbd:p/n/v:id=hv:auth_supported=cephx:mon_host=10.0.0.1\:3300"#)
    }

    @Test("iscsi-direct: libvirt's disk names target, LUN, portal and the secret by reference")
    func iscsiLibvirt() throws {
        let attachment = try VolumeAttachment(lun(1 << 48), poolType: .iscsiDirect, in: pool(port: 3261))
        #expect(
            try attachment.disk(target: "vdb") == """
                <disk type='network' device='disk'>
                  <driver name='qemu' type='raw'/>
                  <source protocol='iscsi' name='iqn.2013-06.com.example:pool/1'>
                    <host name='10.0.0.1' port='3261'/>
                    <initiator>
                      <iqn name='iqn.2013-06.com.example:initiator'/>
                    </initiator>
                    <auth username='myname'>
                      <secret type='iscsi' usage='lab &amp; demo'/>
                    </auth>
                  </source>
                  <target dev='vdb' bus='virtio'/>
                </disk>

                """)
        #expect(try attachment.uri() == "iscsi://myname@10.0.0.1:3261/iqn.2013-06.com.example:pool/1")
        #expect(throws: StorageError.self) { try attachment.path() }
    }

    @Test("iscsi-direct: qemu's node refers to an -object secret by id; IPv6 portals have brackets (L66)")
    func iscsiQEMU() throws {
        let attachment = try VolumeAttachment(lun(1 << 48), poolType: .iscsiDirect, in: pool(host: "fd00::1"))
        let text = JSONWriter.text(of: try attachment.blockDevice(), compact: true)
        #expect(
            text == #"{"driver":"raw","file":{"driver":"iscsi","initiator-name":"iqn.2013-06.com.example:initiator","#
                + #""lun":1,"password-secret":"san-chap","portal":"[fd00::1]:3260","target":"iqn.2013-06.com.example:pool","#
                + #""transport":"tcp","user":"myname"},"node-name":"san-unit-0-0-1-1ea3c32"}"#)
        #expect(attachment.secrets.map(\.id) == ["san-chap"])
    }

    @Test("L21: libiscsi takes a flat LUN as its raw 16 bits; a LUN of more levels has no number to give")
    func flatLUN() throws {
        let flat = try VolumeAttachment(
            lun((0x4000 | 300) << 48), poolType: .iscsiDirect, in: pool(user: nil))
        #expect(try flat.uri() == "iscsi://10.0.0.1:3260/iqn.2013-06.com.example:pool/16684")
        #expect(throws: StorageError.self) {
            try VolumeAttachment(lun(1 << 48 | 1), poolType: .iscsiDirect, in: pool())
        }
    }

    @Test("A user name that libiscsi's URL would misread is left out of it")
    func oddUser() throws {
        let attachment = try VolumeAttachment(lun(1 << 48), poolType: .iscsiDirect, in: pool(user: "a%b@c"))
        #expect(try attachment.uri() == "iscsi://10.0.0.1:3260/iqn.2013-06.com.example:pool/1")
    }

    @Test("A file by path, URI, disk and node, whatever its name")
    func file() throws {
        let attachment = try attach(image("/pools/a b'<é>.qcow2", format: "qcow2"))
        #expect(try attachment.path() == "/pools/a b'<é>.qcow2")
        #expect(try attachment.uri() == "file:///pools/a%20b%27%3C%C3%A9%3E.qcow2")
        #expect(
            try attachment.disk(target: "sda") == """
                <disk type='file' device='disk'>
                  <driver name='qemu' type='qcow2'/>
                  <source file='/pools/a b&apos;&lt;é&gt;.qcow2'/>
                  <target dev='sda' bus='scsi'/>
                </disk>

                """)
        #expect(
            JSONWriter.text(of: try attachment.blockDevice(), compact: true)
                == #"{"backing":null,"driver":"qcow2","file":{"driver":"file","filename":"/pools/a b'<é>.qcow2"},"#
                + #""node-name":"san-disk.img"}"#)
    }

    @Test("Only an image that was listed with a backing file may have one")
    func backing() throws {
        let formats: [(VolumeFormat, Bool)] = [("qcow2", true), ("vmdk", true), ("raw", false), ("vdi", false)]
        for (format, ends) in formats {
            var volume = image("/x", format: format)
            let text = JSONWriter.text(of: try attach(volume).blockDevice(), compact: true)
            #expect(text.contains(#""backing":null"#) == ends, "\(format)")
            volume.definition.backingStore = BackingStore(path: "/base", format: .raw)
            #expect(!JSONWriter.text(of: try attach(volume).blockDevice()).contains("backing"), "\(format)")
        }
    }

    @Test("What isn't known to be an image is raw: nobody probes what a guest has written (CVE-2024-32498)")
    func neverProbed() throws {
        for format in [nil, "unknown", "iso", "none"] as [VolumeFormat?] {
            #expect(try attach(image("/x", format: format)).driver() == "raw")
        }
        #expect(throws: StorageError.self) { try attach(image("/x", format: "dir")).driver() }
        #expect(throws: StorageError.self) { try attach(image("/x", format: "dir", type: .dir)) }
    }

    @Test("An encrypted image needs its key by id, and qemu's luks driver")
    func encrypted() throws {
        var volume = image("/x", format: "raw")
        volume.definition.target.encryption = EncryptionDefinition(format: .luks, secrets: [.usage("/x")])
        let attachment = try attach(volume)
        #expect(attachment.secrets.map(\.type) == ["volume"])
        #expect(
            JSONWriter.text(of: try attachment.blockDevice(), compact: true)
                == #"{"driver":"luks","file":{"driver":"file","filename":"/x"},"key-secret":"san-key","node-name":"san-disk.img"}"#
        )
    }

    @Test("LUKS 2 is refused where qemu would refuse it")
    func secondLUKS() throws {
        var volume = image("/x", format: "luks")
        volume.definition.target.encryption = EncryptionDefinition(format: .luks2)
        let attachment = try attach(volume)
        #expect(throws: StorageError.self) { try attachment.blockDevice() }
        #expect(throws: StorageError.self) { try attachment.disk(target: "vda") }
        #expect(try attachment.path() == "/x")
    }

    @Test("Text that XML can't hold is refused, not mangled")
    func unspeakable() throws {
        #expect(throws: StorageError.self) { try attach(image("/a\u{1}b", format: "raw")).disk(target: "vda") }
    }
}
