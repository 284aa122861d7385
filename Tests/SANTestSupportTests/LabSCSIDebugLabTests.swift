import SANTestSupport
import Testing

@Suite("The lab's SCSI hosts", .timeLimit(.minutes(5)))
struct LabSCSIDebugLabTests {
    @Test("as many hosts, targets and LUNs as asked for")
    func counts() async throws {
        let before = LabFile.names(in: "/sys/class/scsi_host")
        try await Lab.run { lab in
            let debug = try await lab.scsiDebug(["max_luns": 3, "num_tgts": 2, "add_host": 2, "dev_size_mb": 8])
            #expect(debug.hosts.count == 2)
            for host in debug.hosts { #expect(LabFile.disks(of: host).count == 6) }
            try await debug.set("add_host", 1)
            #expect(debug.hosts.count == 3)
        }
        #expect(LabFile.names(in: "/sys/class/scsi_host") == before)
    }

    @Test("the machine's own hosts are where the README says")
    func machine() async throws {
        try await Lab.run { _ in
            let links = LabFile.names(in: "/dev/disk/by-path")
            for link in [
                "05.0-scsi-0:0:0:0", "05.0-scsi-0:0:0:1", "05.0-scsi-0:0:0:16684", "05.0-scsi-0:0:1:0",
                "05.0-scsi-0:0:2:0", "06.0-scsi-0:0:0:0", "06.0-scsi-0:0:2:0",
            ] {
                #expect(links.contains("pci-0000:00:\(link)"))
            }
            let hosts = LabFile.names(in: "/sys/bus/pci/devices/0000:00:1f.2").filter { $0.hasPrefix("ata") }
            #expect(hosts.count == 6)
        }
    }
}
