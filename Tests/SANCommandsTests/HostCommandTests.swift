import SANHost
import SANTestSupport
import SystemPackage
import Testing

@Suite("sanctl host")
struct HostCommandTests {
    private let captured: CapturedHost
    private let lab: CommandLab

    init() throws {
        let fixtures = FilePath(#filePath).removingLastComponent().removingLastComponent()
            .appending("SANBackendSCSITests").appending("Fixtures")
        func text(_ name: String) throws -> String {
            String(decoding: try LocalFile(fixtures.appending(name + ".txt")).read(limit: 1 << 20), as: UTF8.self)
        }
        captured = try CapturedHost(
            try text("hosts"), try text("vport"), try text("targets"), try text("units"), try text("udev"))
        lab = try CommandLab()
    }

    private func run(_ line: String) async throws -> CommandLab.Outcome {
        try await lab.run("--host-root \(captured.root.root) \(line)")
    }

    @Test("list is a row for each host, and --cap chooses")
    func list() async throws {
        let all = try await run("host list")
        #expect(all.code == 0, "\(all.errors)")
        #expect(all.output.hasPrefix("NAME        TRAN DRIVER"))
        #expect(all.output.split(separator: "\n").count == 12)
        let row = all.output.split(separator: "\n").first { $0.hasPrefix("scsi_host8 ") } ?? ""
        let cells = row.split(separator: " ")
        #expect(
            cells == ["scsi_host8", "fc", "fcoe", "0000:00:02.0", "online", "2000525400fc0001", "0/65535", "1", "1"])
        #expect(try await run("host list --cap vports").output.split(separator: "\n").count == 3)
        #expect(try await run("host list --cap fc_host,iscsi").output.split(separator: "\n").count == 4)
        let unknown = try await run("host list --cap fibre")
        #expect(unknown.code == 64)
        #expect(unknown.errors.contains("scsi_host, fc_host, vports, iscsi"))
    }

    @Test("the JSON keys are a contract")
    func json() async throws {
        let list = try await run("host list --cap fc_host -o json").output
        for key in [
            "\"version\": 1", "\"hosts\": [", "\"name\": \"scsi_host8\"", "\"number\": 8", "\"transport\": \"fc\"",
            "\"driver\": \"fcoe\"", "\"pci_address\": \"0000:00:02.0\"", "\"unique_id\": 0", "\"state\": \"online\"",
            "\"wwnn\": \"1000525400fc0001\"", "\"wwpn\": \"2000525400fc0001\"", "\"fabric_wwn\": \"100000fcfab00001\"",
            "\"port_id\": \"0x010100\"", "\"virtual\": false", "\"parent\": \"scsi_host8\"", "\"free\": 65535",
            "\"in_use\": 0", "\"max\": 65535", "\"remote_ports\": [", "\"target\": true", "\"target_id\": 0",
            "\"units\": 1", "\"vports\"", "\"problems\": []",
        ] { #expect(list.contains(key), "\(key)") }
        let show = try await run("host show host10 -o json").output
        for key in [
            "\"host\": {", "\"units\": [", "\"hctl\": \"10:0:0:7\"", "\"lun\": 7", "\"device\": \"sdd\"",
            "\"device_type\": \"disk\"", "\"capacity\": 33554432", "\"wwid\": \"36001405cccc000300000000000000000\"",
            "\"path\": \"/dev/disk/by-path/pci-0000:00:02.0-vport-0x5001438000000001-fc-0x2000525400fc0101-lun-7\"",
        ] { #expect(show.contains(key), "\(key)") }
        let scan = try await run("host scan host0 -o json").output
        for key in ["\"changed\": false", "\"came\": []", "\"went\": []", "\"host\": {", "\"problems\": []"] {
            #expect(scan.contains(key), "\(key)")
        }
    }

    @Test("show is a page of what is known and a table of units; scan says what it did")
    func show() async throws {
        let show = try await run("host show 0x5001438000000001")
        #expect(show.code == 0, "\(show.errors)")
        for line in ["Name:        scsi_host10", "Parent:      scsi_host8", "\n\nHCTL", "sdc", "target 0:0"] {
            #expect(show.output.contains(line), "\(line): \(show.output)")
        }
        let scan = try await run("host scan host0 --channel 0 --target 2 --lun 1")
        #expect(scan.output == "scsi_host0 scanned: nothing new, 1 unit in all.\n")
        let file = try captured.read("/sys/devices/pci0000:00/0000:00:08.0/virtio5/host0/scsi_host/host0/scan")
        #expect(file == "0 2 1")
        let missing = try await run("host show eth0")
        #expect(missing.code == 66)
        #expect(missing.errors.contains("'sanctl host list' shows"))
    }
}
