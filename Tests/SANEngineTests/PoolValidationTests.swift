import SANModel
import SANXML
import Testing

@testable import SANEngine

@Suite("What a definition must have")
struct PoolValidationTests {
    /// The least that each type needs.
    static let least: [PoolType: String] = [
        .directory: "<target><path>/d</path></target>",
        .fileSystem: "<source><device path='/dev/vdb1'/></source><target><path>/d</path></target>",
        .networkFileSystem: "<source><host name='h'/><dir path='/e'/></source><target><path>/d</path></target>",
        .logical: "<source><name>vg</name></source><target/>",
        .disk: "<source><device path='/dev/vdb'/></source><target><path>/dev</path></target>",
        .iscsi: "<source><host name='h'/><device path='iqn.2013-06.com.example:t'/></source>"
            + "<target><path>/dev/disk/by-path</path></target>",
        .iscsiDirect: "<source><host name='h'/><device path='iqn.2013-06.com.example:t'/>"
            + "<initiator><iqn name='iqn.2013-06.com.example:i'/></initiator></source>",
        .scsi: "<source><adapter name='host0'/></source><target><path>/dev/disk/by-path</path></target>",
        .multipath: "<target><path>/dev/mapper</path></target>",
        .rbd: "<source><name>rbd</name><host name='h'/></source>",
        .sheepdog: "<source><name>sheep</name><host name='h'/></source>",
        .gluster: "<source><name>vol</name><host name='h'/></source>",
        .zfs: "<source><name>tank</name></source>",
        .vstorage: "<source><name>c</name></source><target><path>/d</path></target>",
    ]

    static func pool(_ type: PoolType, _ body: String? = nil) throws -> PoolDefinition {
        let body = body ?? least[type] ?? ""
        return try PoolDefinition(xml: Array("<pool type='\(type)'><name>p</name>\(body)</pool>".utf8))
    }

    private func message(_ definition: PoolDefinition) -> String? {
        do throws(StorageError) {
            try PoolValidation.check(definition)
            return nil
        } catch {
            #expect(error.code == .malformedDefinition)
            return error.message
        }
    }

    @Test("the least of each of the 14 types is accepted", arguments: PoolType.allCases)
    func least(_ type: PoolType) throws {
        try PoolValidation.check(try Self.pool(type))
    }

    @Test(
        "a type that needs a target is refused without one",
        arguments: [
            PoolType.directory, .fileSystem,
            .networkFileSystem, .disk, .iscsi, .scsi, .vstorage,
        ])
    func targets(_ type: PoolType) throws {
        var definition = try Self.pool(type)
        definition.target = nil
        #expect(message(definition)?.hasPrefix("Missing storage pool target path") == true)
        definition.target = PoolTarget(path: "relative")
        #expect(message(definition) != nil)
    }

    @Test(
        "a type that needs a host is refused without one",
        arguments: [
            PoolType.networkFileSystem, .iscsi,
            .iscsiDirect, .rbd, .sheepdog, .gluster,
        ])
    func hosts(_ type: PoolType) throws {
        var definition = try Self.pool(type)
        definition.source.hosts = []
        #expect(message(definition) == "Missing storage pool source host name")
        definition.source.hosts = [PoolSource.Host(name: "")]
        #expect(message(definition) == "Missing storage pool host name")
    }

    @Test(
        "a type that needs a device is refused without one",
        arguments: [
            PoolType.fileSystem, .disk, .iscsi,
            .iscsiDirect,
        ])
    func devices(_ type: PoolType) throws {
        var definition = try Self.pool(type)
        definition.source.devices = []
        #expect(message(definition)?.hasPrefix("Missing storage pool source device") == true)
    }

    @Test("iscsi-direct: one host, an IQN, an initiator, chap, no target")
    func iscsiDirect() throws {
        var definition = try Self.pool(.iscsiDirect)
        definition.source.hosts.append(PoolSource.Host(name: "other"))
        #expect(message(definition)?.hasPrefix("Expected exactly 1 host") == true)

        definition = try Self.pool(.iscsiDirect)
        definition.source.devices = [PoolSource.Device(path: "eui.0123456789abcdef")]
        #expect(message(definition)?.contains("isn't an iSCSI qualified name") == true)

        definition = try Self.pool(.iscsiDirect)
        definition.source.initiator = nil
        #expect(message(definition)?.hasPrefix("Missing initiator IQN") == true)

        definition = try Self.pool(.iscsiDirect)
        definition.source.authentication = .init(kind: .ceph, username: "u", secret: .usage("s"))
        #expect(message(definition) == "The iscsi pool only supports 'chap' auth type")
        definition.source.authentication?.kind = .chap
        #expect(message(definition) == nil)

        definition.target = PoolTarget(path: "/dev")
        #expect(message(definition)?.contains("no <target>") == true)
    }

    @Test("scsi adapters")
    func adapters() throws {
        var definition = try Self.pool(.scsi)
        for name in ["host0", "scsi_host12", "fc_host3"] {
            definition.source.adapter = .scsiHost(name: name)
            #expect(message(definition) == nil)
        }
        for name in ["sda", "host", "hostx", "host99999999999"] {
            definition.source.adapter = .scsiHost(name: name)
            #expect(message(definition)?.hasPrefix("Invalid adapter name '\(name)'") == true)
        }
        var vHBA = PoolSource.FibreChannel(wwnn: WWN(1), wwpn: WWN(2))
        vHBA.parentWWNN = WWN(3)
        definition.source.adapter = .fibreChannel(vHBA)
        #expect(message(definition)?.contains("the parent_wwpn must also be provided") == true)
        definition.source.adapter = nil
        #expect(message(definition) == "Missing storage pool source adapter")
    }

    @Test("rbd and gluster names")
    func names() throws {
        var definition = try Self.pool(.rbd)
        definition.source.name = nil
        #expect(message(definition) == "Element 'name' is mandatory for RBD pool")
        definition.source.name = "pool/namespace"
        #expect(message(definition) == nil)
        definition.source.name = "a/b/c"
        #expect(message(definition) != nil)
        definition = try Self.pool(.gluster)
        definition.source.name = "a/b"
        #expect(message(definition) == "Gluster pool name 'a/b' must not contain /")
        definition.source.name = "a"
        definition.source.directory = "x"
        #expect(message(definition) == "Gluster pool path 'x' must start with /")
    }

    @Test("the pool's name", arguments: ["", ".", "..", "a/b", "a\nb", "a\0b", String(repeating: "x", count: 251)])
    func poolNames(_ name: String) {
        let error = #expect(throws: StorageError.self) { try PoolValidation.check(name: name) }
        #expect(error?.code == .invalidArgument)
    }

    @Test(
        "names that look strange and are none the less names",
        arguments: [
            ".x", "...", "a b", "ü", "x.xml", "autostart", "-x",
            String(repeating: "x", count: 250),
        ])
    func strangeNames(_ name: String) throws {
        try PoolValidation.check(name: name)
    }
}
