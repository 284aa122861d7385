import SANHost
import SANModel
import SANTestSupport
import Testing

@Suite("A unit's name in /dev/disk/by-path, computed as udev's path_id does (L28)")
struct PathNameTests {
    /// A unit by the folders that lead to it, from `/sys/devices` on; a folder's subsystem is written behind `=`.
    private func unit(_ address: String, _ way: String, _ more: String = "") throws -> SCSIUnit {
        let hctl = try #require(HCTL(address))
        var folder = "/sys/devices"
        var host = ""
        var lines: [String] = []
        for part in way.split(separator: "/") {
            let names = part.split(separator: "=")
            folder += "/" + names[0]
            if names.count > 1 { lines.append("L \(folder)/subsystem ../bus/\(names[1])") }
            if names[0] == "host\(hctl.host)" { host = folder }
        }
        folder += "/target\(hctl.host):\(hctl.channel):\(hctl.target)/\(hctl)"
        lines += [
            "L /sys/bus/scsi/devices/\(hctl) ../../../..\(folder)", "F \(folder)/type 0\\n",
            "L /sys/class/scsi_host/host\(hctl.host) ../../..\(host)/scsi_host/host\(hctl.host)",
            "F \(host)/scsi_host/host\(hctl.host)/state running\\n",
        ]
        let captured = try CapturedHost((lines + [more]).joined(separator: "\n"))
        defer { withExtendedLifetime(captured) {} }
        hosts.append(captured)
        return try #require(try SCSIUnit.at(hctl, on: captured.root))
    }

    private final class Hosts {
        var all: [CapturedHost] = []
        func append(_ host: CapturedHost) { all.append(host) }
    }

    /// The trees live as long as the test.
    private let hosts = Hosts()

    private static let pci = "pci0000:00/0000:00:1c.0=pci/0000:05:00.0=pci"

    @Test("on a PCI function: the nearest one, whatever bridges are above it and drivers below")
    func plain() throws {
        #expect(
            try unit("0:0:2:16684", "\(Self.pci)/virtio3=virtio/host0").byPathName()
                == "pci-0000:05:00.0-scsi-0:0:2:16684")
        #expect(
            try unit("4:0:0:1", "platform/40000000.pcie=platform/\(Self.pci)/host4").byPathName()
                == "platform-40000000.pcie-pci-0000:05:00.0-scsi-0:0:0:1")
        #expect(try unit("2:0:0:1", "css0/0.0.0007/0.0.1900=ccw/host2").byPathName() == "ccw-0.0.1900-scsi-0:0:0:1")
    }

    @Test("a host is counted from the first of its adapter, as the kernel gives numbers anew at each boot")
    func severalHosts() throws {
        let sibling = "D /sys/devices/pci0000:00/0000:00:1c.0/0000:05:00.0/host6"
        #expect(
            try unit("8:0:0:0", "\(Self.pci)/host8", sibling).byPathName() == "pci-0000:05:00.0-scsi-2:0:0:0")
    }

    @Test("ATA by the port's number; behind a multiplier by the channel")
    func ata() throws {
        let port = "F /sys/devices/pci0000:00/0000:00:1c.0/0000:05:00.0/ata7/ata_port/ata7/port_no 3\\n"
        #expect(
            try unit("6:0:1:0", "\(Self.pci)/ata7/host6", port).byPathName() == "pci-0000:05:00.0-ata-3.1")
        #expect(
            try unit("6:2:0:0", "\(Self.pci)/ata7/host6", port).byPathName() == "pci-0000:05:00.0-ata-3.2.0")
    }

    @Test("SAS on a phy of the HBA, of an expander, and on a wide port")
    func sas() throws {
        let host = "/sys/devices/pci0000:00/0000:00:1c.0/0000:05:00.0/host6"
        let way = "\(Self.pci)/host6/port-6:0/end_device-6:0"
        func facts(_ port: String, _ phys: Int) -> String {
            """
            F \(host)/\(port)/sas_port/port-6:0/num_phys \(phys)\\n
            F \(host)/\(port)/end_device-6:0/sas_device/end_device-6:0/phy_identifier 4\\n
            F \(host)/\(port)/end_device-6:0/sas_device/end_device-6:0/sas_address 0x5000c50015ea71a9\\n
            """
        }
        #expect(
            try unit("6:0:0:0", way, facts("port-6:0", 1)).byPathName() == "pci-0000:05:00.0-sas-phy4-lun-0")
        #expect(
            try unit("6:0:0:0", way, facts("port-6:0", 4)).byPathName()
                == "pci-0000:05:00.0-sas-0x5000c50015ea71a9-lun-0")
        let expander = "F \(host)/expander-6:1/sas_device/expander-6:1/sas_address 0x500056b3\\n"
        #expect(
            try unit(
                "6:0:0:0", "\(Self.pci)/host6/expander-6:1/port-6:0/end_device-6:0",
                facts("expander-6:1/port-6:0", 1) + "\n" + expander
            ).byPathName() == "pci-0000:05:00.0-sas-exp0x500056b3-phy4-lun-0")
    }

    private func session(_ folder: String, _ address: String) -> String {
        """
        L /sys/class/iscsi_session/session2 ../../devices/\(folder)/session2/iscsi_session/session2
        L /sys/class/iscsi_connection/connection2:0 ../../devices/\(folder)/session2/connection2:0/iscsi_connection/connection2:0
        F /sys/devices/\(folder)/session2/iscsi_session/session2/targetname iqn.2013-06.com.example:a/b\\n
        F /sys/devices/\(folder)/session2/connection2:0/iscsi_connection/connection2:0/persistent_address \(address)\\n
        F /sys/devices/\(folder)/session2/connection2:0/iscsi_connection/connection2:0/persistent_port 3260\\n
        """
    }

    @Test(
        "iSCSI by the portal that was logged in to and the target, as udev writes them; LUNs from 256 on in hex (L21)")
    func iscsi() throws {
        #expect(
            try unit("6:0:0:16684", "platform/host6/session2", session("platform/host6", "10.0.0.1")).byPathName()
                == "ip-10.0.0.1:3260-iscsi-iqn.2013-06.com.example:a_b-lun-0x412c000000000000")
        #expect(
            try unit("6:0:0:1", "platform/host6/session2", session("platform/host6", "fd00::1")).byPathName()
                == "ip-fd00::1:3260-iscsi-iqn.2013-06.com.example:a_b-lun-1")
        // A hardware initiator is on a bus.
        let pci = "pci0000:00/0000:00:1c.0/0000:05:00.0/host6"
        #expect(
            try unit("6:0:0:1", "\(Self.pci)/host6/session2", session(pci, "10.0.0.1")).byPathName()
                == "pci-0000:05:00.0-ip-10.0.0.1:3260-iscsi-iqn.2013-06.com.example:a_b-lun-1")
        #expect(try unit("6:0:0:1", "platform/host6/session2").byPathName() == nil)
    }

    @Test("USB by the port; what has no address on a bus, and what is no transport of SCSI, has no name")
    func others() throws {
        #expect(
            try unit("6:0:0:0", "\(Self.pci)/usb2=usb/2-1=usb/2-1:1.0=usb/host6").byPathName()
                == "pci-0000:05:00.0-usb-0:1:1.0-scsi-0:0:0:0")
        #expect(try unit("6:0:0:0", "pseudo_0/adapter0=pseudo/host6").byPathName() == nil)
        #expect(try unit("6:0:0:0", "LNXSYSTM:00/VMBUS:00/vmbus_0_1/host6").byPathName() == nil)
    }
}
