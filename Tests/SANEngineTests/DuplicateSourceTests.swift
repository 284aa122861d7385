import SANModel
import SANXML
import Testing

@testable import SANEngine

@Suite("Two pools on one storage")
struct DuplicateSourceTests {
    private struct Hosts: SCSIHostResolving {
        func host(at address: PCIAddress, uniqueID: UInt32?) -> UInt32? { 3 }
        func host(of adapter: PoolSource.FibreChannel) -> UInt32? { 7 }
        func parentHost(of adapter: PoolSource.FibreChannel) -> UInt32? { 5 }
    }

    private func pool(_ name: String, _ type: PoolType, _ body: String) throws -> PoolDefinition {
        try PoolDefinition(xml: Array("<pool type='\(type)'><name>\(name)</name>\(body)</pool>".utf8))
    }

    private func conflicts(
        _ type: PoolType, _ new: String, _ old: String, oldType: PoolType? = nil,
        hosts: any SCSIHostResolving = UnresolvedSCSIHosts()
    ) throws -> Bool {
        let existing = [try pool("old", oldType ?? type, old)]
        return DuplicateSource(resolving: hosts).conflict(of: try pool("new", type, new), among: existing) != nil
    }

    @Test("the pool that is redefined is no conflict with itself")
    func itself() throws {
        let old = try pool("p", .directory, "<target><path>/d</path></target>")
        #expect(DuplicateSource().conflict(of: old, among: [old]) == nil)
    }

    @Test("dir: the target path")
    func directories() throws {
        func target(_ path: String) -> String { "<target><path>\(path)</path></target>" }
        #expect(try conflicts(.directory, target("/d"), target("/d/")))
        #expect(try !conflicts(.directory, target("/d"), target("/e")))
    }

    @Test("netfs and gluster: the host and the folder; a port counts where the new one has it")
    func networks() throws {
        func netfs(_ host: String, _ dir: String) -> String {
            "<source><host \(host)/><dir path='\(dir)'/></source><target><path>/m</path></target>"
        }
        #expect(try conflicts(.networkFileSystem, netfs("name='h'", "/a"), netfs("name='h' port='1'", "/a")))
        #expect(try !conflicts(.networkFileSystem, netfs("name='h' port='2'", "/a"), netfs("name='h' port='1'", "/a")))
        #expect(try !conflicts(.networkFileSystem, netfs("name='h'", "/a"), netfs("name='h'", "/b")))
        #expect(try !conflicts(.networkFileSystem, netfs("name='h'", "/a"), netfs("name='g'", "/a")))
        func gluster(_ name: String, _ dir: String = "") -> String {
            "<source><name>\(name)</name><host name='h'/>\(dir)</source>"
        }
        #expect(try conflicts(.gluster, gluster("v"), gluster("v", "<dir path='/'/>")))
        #expect(try !conflicts(.gluster, gluster("v"), gluster("v", "<dir path='/sub'/>")))
    }

    private func iscsi(_ host: String, _ target: String, initiator: String? = nil, direct: Bool = false) -> String {
        "<source><host name='\(host)'/><device path='iqn.2013-06.com.example:\(target)'/>"
            + (initiator.map { "<initiator><iqn name='iqn.2013-06.com.example:\($0)'/></initiator>" } ?? "")
            + "</source>" + (direct ? "" : "<target><path>/dev/disk/by-path</path></target>")
    }

    @Test("iscsi: the target and the initiator, whatever the portal")
    func iscsi() throws {
        #expect(try conflicts(.iscsi, iscsi("a", "t"), iscsi("b", "t")))
        #expect(try !conflicts(.iscsi, iscsi("a", "t"), iscsi("a", "u")))
        #expect(try !conflicts(.iscsi, iscsi("a", "t", initiator: "i"), iscsi("a", "t", initiator: "j")))
        #expect(try !conflicts(.iscsi, iscsi("a", "t", initiator: "i"), iscsi("a", "t")))
    }

    @Test("iscsi-direct: target, initiator, host and port, the default port included")
    func iscsiDirect() throws {
        func direct(_ host: String, _ initiator: String = "i") -> String {
            iscsi(host, "t", initiator: initiator, direct: true)
        }
        #expect(try conflicts(.iscsiDirect, direct("a"), direct("a")))
        #expect(try conflicts(.iscsiDirect, direct("a"), direct("a' port='3260")))
        #expect(try !conflicts(.iscsiDirect, direct("a"), direct("a' port='3261")))
        #expect(try !conflicts(.iscsiDirect, direct("a"), direct("b")))
        #expect(try !conflicts(.iscsiDirect, direct("a"), direct("a", "j")))
    }

    @Test("fs, logical, disk and zfs: any device of any of them")
    func devices() throws {
        let disk = "<source><device path='/dev/vdb'/></source><target><path>/dev</path></target>"
        let group = "<source><device path='/dev/vda'/><device path='/dev/vdb'/><name>vg</name></source><target/>"
        #expect(try conflicts(.disk, disk, group, oldType: .logical))
        #expect(try !conflicts(.disk, disk.replacing("vdb", with: "vdc"), group, oldType: .logical))
    }

    @Test("rbd: pool, namespace and a monitor in common")
    func rbd() throws {
        func rbd(_ name: String, _ hosts: String...) -> String {
            "<source><name>\(name)</name>\(hosts.map { "<host name='\($0)'/>" }.joined())</source>"
        }
        #expect(try conflicts(.rbd, rbd("p", "a", "b"), rbd("p", "b", "c")))
        #expect(try !conflicts(.rbd, rbd("p/n", "a"), rbd("p", "a")))
        #expect(try !conflicts(.rbd, rbd("p", "a"), rbd("p", "b")))
    }

    @Test("mpath: there is one; sheepdog: the host; vstorage: the cluster")
    func others() throws {
        let mapper = "<target><path>/dev/mapper</path></target>"
        #expect(try conflicts(.multipath, mapper, mapper))
        let sheep = "<source><name>a</name><host name='h'/></source>"
        #expect(try conflicts(.sheepdog, sheep, sheep.replacing(">a<", with: ">b<")))
        let cluster = "<source><name>c</name></source><target><path>/m</path></target>"
        #expect(try conflicts(.vstorage, cluster, cluster.replacing("/m", with: "/n")))
    }

    @Test("scsi: host numbers, PCI addresses, WWNs; mixed ones where the host knows them")
    func adapters() throws {
        func scsi(_ adapter: String) -> String {
            "<source><adapter \(adapter)</source><target><path>/dev/disk/by-path</path></target>"
        }
        let vHBA = scsi("type='fc_host' wwnn='2000000000000001' wwpn='2000000000000002'/>")
        #expect(try conflicts(.scsi, scsi("name='host3'/>"), scsi("name='scsi_host3'/>")))
        #expect(try !conflicts(.scsi, scsi("name='host3'/>"), scsi("name='host4'/>")))
        #expect(try conflicts(.scsi, vHBA, vHBA.replacing("wwnn='", with: "wwnn='0x")))
        #expect(try !conflicts(.scsi, vHBA, vHBA.replacing("0002'", with: "0003'")))
        #expect(try !conflicts(.scsi, vHBA, scsi("name='host5'/>")))
        #expect(try conflicts(.scsi, vHBA, scsi("name='host5'/>"), hosts: Hosts()))
        #expect(try conflicts(.scsi, scsi("name='host7'/>"), vHBA, hosts: Hosts()))
        let address = scsi(
            "type='scsi_host'><parentaddr unique_id='1'><address domain='0x0000' bus='0x00' slot='0x1f' "
                + "function='0x2'/></parentaddr></adapter>")
        #expect(try conflicts(.scsi, address, address))
        #expect(try !conflicts(.scsi, address, scsi("name='host3'/>")))
        #expect(try conflicts(.scsi, address, scsi("name='host3'/>"), hosts: Hosts()))
    }
}
