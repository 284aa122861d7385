import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendSCSI

@Suite("Captures of hosts")
struct HostCaptureTests {
    private static let session = "/sys/devices/platform/host11/session1"
    private static let target = "iqn.2013-06.com.example:array-7"

    /// The host of the other fixtures with an iSCSI session, its password beside it.
    private static let sessionCapture = """
        L /sys/class/scsi_host/host11 ../../devices/platform/host11/scsi_host/host11
        L /sys/class/iscsi_session/session1 ../../devices/platform/host11/session1/iscsi_session/session1
        L /sys/class/iscsi_connection/connection1:0 ../../devices/platform/host11/session1/connection1:0/iscsi_connection/connection1:0
        L /sys/bus/scsi/devices/11:0:0:1 ../../../devices/platform/host11/session1/target11:0:0/11:0:0:1
        L /sys/block/sde ../devices/platform/host11/session1/target11:0:0/11:0:0:1/block/sde
        F /sys/devices/platform/host11/scsi_host/host11/proc_name iscsi_tcp\\n
        F /sys/devices/platform/host11/iscsi_host/host11/initiatorname iqn.2013-06.com.example:me\\n
        F \(session)/iscsi_session/session1/targetname \(target)\\n
        F \(session)/iscsi_session/session1/initiatorname iqn.2013-06.com.example:me\\n
        F \(session)/iscsi_session/session1/state LOGGED_IN\\n
        F \(session)/iscsi_session/session1/username chapuser\\n
        F \(session)/iscsi_session/session1/password opensesame1234\\n
        F \(session)/iscsi_session/session1/password_in opensesame5678\\n
        F \(session)/connection1:0/iscsi_connection/connection1:0/persistent_address 10.1.2.3\\n
        F \(session)/connection1:0/iscsi_connection/connection1:0/persistent_port 3260\\n
        F \(session)/target11:0:0/11:0:0:1/type 0\\n
        F \(session)/target11:0:0/11:0:0:1/state running\\n
        B \(session)/target11:0:0/11:0:0:1/vpd_pg80 0080000873657269616c3132
        F \(session)/target11:0:0/11:0:0:1/block/sde/dev 8:64\\n
        F \(session)/target11:0:0/11:0:0:1/block/sde/size 2048\\n
        F /run/udev/data/b8:64 S:disk/by-path/ip-10.1.2.3:3260-iscsi-\(target)-lun-1\\nE:ID_FS_LABEL=payroll\\nI:1\\n
        L /dev/disk/by-path/ip-10.1.2.3:3260-iscsi-\(target)-lun-1 ../../sde
        F /proc/sys/kernel/hostname hypervisor7\\n
        F /etc/iscsi/initiatorname.iscsi InitiatorName=iqn.2013-06.com.example:me\\n
        F /etc/iscsi/iscsid.conf node.session.auth.password = opensesame1234\\n
        """

    private func full() throws -> CapturedHost {
        try CapturedHost(
            Capture.hosts, Capture.vport, Capture.targets, Capture.units, Capture.udev, Self.sessionCapture)
    }

    static func engine(_ root: HostRoot, _ folder: TemporaryFolder) -> StorageEngine {
        let hbas = VirtualHBAs(
            host: root, control: SysfsHBAControl(), events: ScriptedDeviceEvents(), users: { _ in [] },
            mapper: ScriptedDeviceMapper())
        return StorageEngine(
            EngineConfiguration(
                configuration: folder.appending("etc"), state: folder.appending("lib"),
                runtime: folder.appending("run"), volatile: folder.appending("run"), host: root,
                commands: SubprocessRunner(), timeout: .seconds(300), logger: Logger(label: "test")),
            backends: [SCSIBackend(hbas: hbas)], resolving: SysfsSCSIHosts(host: root), hbas: hbas)
    }

    @Test("captured, expanded and captured again is the same text; what the host answers is the same too")
    func roundTrip() async throws {
        let original = try full()
        let text = try HostCapture(original.root).text(remark: "test")
        let copy = try CapturedHost(text)
        #expect(try HostCapture(copy.root).text(remark: "test") == text)

        let folder = try TemporaryFolder()
        let answers = try await Answers(Self.engine(original.root, folder))
        #expect(try await Answers(Self.engine(copy.root, folder)) == answers)
        #expect(answers.hosts.count == 12 && answers.units.count == 5)

        var volumes: [[Volume]] = []
        for root in [original.root, copy.root] {
            let folder = try TemporaryFolder()
            let engine = Self.engine(root, folder)
            _ = try await engine.createPool(SCSIFixture.definition(.scsiHost(name: "host10")))
            volumes.append(try await engine.volumes(ofPool: "p").volumes)
        }
        #expect(volumes[0] == volumes[1])
        #expect(volumes[0].count == 2)
    }

    @Test("no secret is captured")
    func secrets() throws {
        for capture in [try HostCapture(try full().root), try HostCapture(try full().root).replacingNames()] {
            let text = capture.text(remark: "test")
            for secret in ["opensesame", "chapuser", "password", "iscsid.conf"] { #expect(!text.contains(secret)) }
        }
    }

    @Test(
        "replaced names are nowhere, and what belonged together still does: names, links, binary pages, by-path names")
    func replacement() async throws {
        let original = try full()
        let capture = try HostCapture(original.root).replacingNames()
        let text = capture.text(remark: "test")
        #expect(try HostCapture(original.root).replacingNames().text(remark: "test") == text)
        let lower = text.lowercased()
        for name in [
            "2000525400fc0001", "5001438000000001", "bbbb0002", "6262626230303032", "6001405bbbb0002", Self.target,
            "com.example:me", "10.1.2.3", "hypervisor7", "73657269616c3132", "serial12", "payroll",
            "5000c50015ea71aa", "32303a30303a35323a35343a30303a66633a30313a3031",
        ] { #expect(!lower.contains(name), "\(name)") }

        let copy = try CapturedHost(text)
        let folder = try TemporaryFolder()
        let (old, new) = (
            try await Answers(Self.engine(original.root, folder)), try await Answers(Self.engine(copy.root, folder))
        )
        #expect(new.hosts.count == old.hosts.count && new.units.count == old.units.count)
        #expect(new.problems == old.problems)
        // Every unit has a WWID, all different, and the link that is computed from the replaced names.
        for (unit, other) in zip(try SCSIUnit.all(on: copy.root), try SCSIUnit.all(on: original.root)) {
            #expect((unit.wwid == nil) == (other.wwid == nil))
            #expect(unit.wwid?.utf8.count == other.wwid?.utf8.count)
            #expect(unit.wwid == nil || unit.wwid != other.wwid)
            let links = unit.udev?.links(in: "/dev/disk/by-path") ?? []
            let name = try #require(try unit.byPathName())
            #expect(links.contains("/dev/disk/by-path/\(name)"), "\(name) \(links)")
            // The links in /dev lead where they led.
            #expect(
                try SysfsFolder("/dev/disk/by-path", on: copy.root).linkText(name) == "../../\(unit.block?.name ?? "")")
        }
        let identities = try SCSIUnit.all(on: copy.root).compactMap(\.wwid)
        #expect(Set(identities).count == Set(try SCSIUnit.all(on: original.root).compactMap(\.wwid)).count)
        // A target seen through the HBA and through the vHBA is one target still.
        let names = try [8, 10].map {
            try FCRemotePort.all(ofHost: $0, on: copy.root).filter(\.isTarget).map(\.portName)
        }
        #expect(names[0] == names[1])
    }

    @Test("what can't be written in a line is, all the same")
    func escapes() throws {
        let host = try CapturedHost(Capture.hosts)
        let model = "/sys/devices/pci0000:00/0000:00:08.0/virtio5/host0/target0:0:0/0:0:0:0/model"
        for text in ["a\\b\tc\nd\n", "", " ", "a\u{1b}[2J", "\u{85}", "#x", "ä"] {
            try host.write(model, text)
            #expect(try CapturedHost(HostCapture(host.root).text(remark: "test")).read(model) == text)
        }
    }
}

/// What a host answers, without the folder that it is below.
struct Answers: Equatable {
    var hosts: [String] = []
    var units: [String] = []
    var problems: [String] = []

    init(_ engine: StorageEngine) async throws {
        for host in try await engine.hosts() {
            hosts.append(
                "\(host.name) \(host.transport) \(String(describing: host.driver)) \(String(describing: host.state)) "
                    + "\(String(describing: host.scsiHost.pciAddress)) \(String(describing: host.uniqueID)) "
                    + "\(String(describing: host.port?.portName)) \(String(describing: host.port?.slots)) "
                    + "\(host.remotePorts) \(host.sessions.map { ($0.target, $0.portal, $0.state) }) \(host.unitCount)")
            let (shown, list) = try await engine.hostWithUnits(host.name)
            problems += shown.problems.map(\.code.rawValue)
            for unit in list {
                units.append(
                    "\(unit.unit.hctl) \(String(describing: unit.unit.wwid)) \(String(describing: unit.path)) "
                        + "\(String(describing: unit.unit.block?.capacity)) \(String(describing: unit.unit.serial))")
                problems += unit.problems.map(\.code.rawValue)
            }
        }
    }
}
