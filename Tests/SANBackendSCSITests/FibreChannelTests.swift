import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANHost

@Suite("What sysfs says of Fibre Channel")
struct FibreChannelTests {
    @Test("ports, physical and virtual")
    func ports() throws {
        let captured = try CapturedHost(Capture.hosts, Capture.vport)
        let ports = try FCHost.all(on: captured.root)
        #expect(ports.map(\.number) == [8, 9, 10])
        #expect(ports.map(\.isLoggedIn) == [true, true, true])
        #expect(ports[0].slots == FCHost.Slots(maximum: 65535, inUse: 0))
        #expect(ports[0].virtual == nil)
        #expect(ports[0].fabricName == WWN(0x1000_00FC_FAB0_0001))
        #expect(ports[0].portID == 0x010100)
        #expect(ports[0].speed == nil)
        #expect(ports[2].virtual == FCHost.Virtual(parent: 8, state: "Active"))
        #expect(ports[2].slots == nil)
        #expect(ports[2].scsiHost.isVirtualPort)
        #expect(!ports[0].scsiHost.isVirtualPort)
    }

    @Test("a driver that is online without a login (libfc), and names without leading zeros")
    func oddities() throws {
        let captured = try CapturedHost(Capture.hosts)
        try captured.write(Capture.parentAttributes + "/fabric_name", "0xffffffffffffffff\n")
        try captured.write(Capture.parentAttributes + "/port_name", "0x1438000000009\n")
        let port = try #require(try FCHost(number: 8, on: captured.root))
        #expect(port.isOnline && !port.isLoggedIn)
        #expect(port.portName.description == "0001438000000009")
        for hostile in ["0x", "0x12345678901234567", "50014380", "0x-1", "0x+1", "\n", "0xg"] {
            try captured.write(Capture.parentAttributes + "/port_name", hostile)
            #expect(try FCHost(number: 8, on: captured.root) == nil, "\(hostile)")
        }
    }

    @Test("remote ports: which can be scanned (L18, L22b)")
    func remotePorts() throws {
        let captured = try CapturedHost(Capture.hosts, Capture.vport, Capture.targets)
        let ports = try FCRemotePort.all(ofHost: 10, on: captured.root)
        #expect(ports.filter(\.isReady).map(\.portName) == [WWN(0x2000_5254_00FC_0101)])
        #expect(ports.contains { !$0.isTarget && $0.targetID == nil })
        for (attribute, text) in [
            ("port_state", "Blocked\n"), ("scsi_target_id", "-1\n"), ("scsi_target_id", "4294967295\n"),
        ] {
            let captured = try CapturedHost(Capture.hosts, Capture.vport, Capture.targets)
            try captured.write(Capture.target + "/" + attribute, text)
            #expect(try FCRemotePort.all(ofHost: 10, on: captured.root).filter(\.isReady).isEmpty)
        }
    }

    @Test("the by-path name of a virtual port's disk, of a disk behind a virtual interface, and of high LUNs (L28)")
    func names() throws {
        let captured = try CapturedHost(Capture.hosts, Capture.vport, Capture.targets, Capture.units)
        let virtual =
            String(Capture.vportFolder.dropFirst("/sys".count))
            + "/host10/rport-10:0-1/target10:0:0/10:0:0:7/block/sdd"
        let path = try #require(try FCDiskPath(device: virtual, on: captured.root))
        let known = "pci-0000:00:02.0-fc-0x2000525400fc0101-lun-7"
        #expect(path.name(idPath: known) == "pci-0000:00:02.0-vport-0x5001438000000001-fc-0x2000525400fc0101-lun-7")
        #expect(
            path.name(idPath: nil)
                == "port-0x2000525400fc0001-vport-0x5001438000000001-fc-0x2000525400fc0101-lun-7")
        // What isn't fit for a name in /dev is left out whatever comes.
        #expect(path.name(idPath: "../../etc/x-fc-0x1-lun-0").hasPrefix("port-0x2000525400fc0001-vport"))
        #expect(path.name(idPath: "a b-fc-0x1-lun-0").hasPrefix("port-0x"))
        let physical =
            String(Capture.parentFolder.dropFirst("/sys".count)) + "/rport-8:0-1/target8:0:0/8:0:0:0/block/sdb"
        #expect(
            try FCDiskPath(device: physical, on: captured.root)?.name(idPath: nil)
                == "port-0x2000525400fc0001-fc-0x2000525400fc0101-lun-0")
        for device in ["", "/devices/block/sda", virtual + "/../../x", "/devices/rport-1:0-1/1:0:0:0/block/sda"] {
            #expect(try device.contains("..") || FCDiskPath(device: device, on: captured.root) == nil, "\(device)")
        }
        #expect(FCDiskPath.text(of: LogicalUnitNumber(kernel: 255)) == "255")
        #expect(FCDiskPath.text(of: LogicalUnitNumber(kernel: 16684)) == "0x412c000000000000")
    }

    @Test("what a driver's refusal means")
    func refusals() throws {
        let captured = try CapturedHost(Capture.hosts)
        let port = try #require(try FCHost(number: 8, on: captured.root))
        #expect(SysfsHBAControl.failure(.ioError, "x", port)?.code == .backendFailure)
        #expect(SysfsHBAControl.failure(.resourceBusy, "x", port)?.code == .busy)
        #expect(SysfsHBAControl.failure(.noSpace, "x", port)?.code == .unavailable)
        #expect(SysfsHBAControl.failure(.permissionDenied, "x", port) == nil)
    }

    @Test("the kernel gets the port's name first, in 16 digits, and no newline")
    func spelling() throws {
        let captured = try CapturedHost(Capture.hosts, Capture.vport)
        let port = try #require(try FCHost(number: 8, on: captured.root))
        try SysfsHBAControl().createVPort(wwpn: WWN(0xAB), wwnn: Capture.wwnn, on: port)
        #expect(try captured.read(Capture.parentAttributes + "/vport_create") == "00000000000000ab:5001438000000000")
        try SysfsHBAControl().scan(port.scsiHost, channel: 0, target: 3, lun: nil)
        #expect(try captured.read(Capture.parentFolder + "/scsi_host/host8/scan") == "0 3 -")
        let virtual = try #require(try FCHost(number: 10, on: captured.root))
        let error = #expect(throws: StorageError.self) {
            try SysfsHBAControl().createVPort(wwpn: WWN(1), wwnn: WWN(2), on: virtual)
        }
        #expect(error?.code == .unsupported)
    }

    @Test("generated names are of the format that is asked for, and nobody's", arguments: WWN.Format.allCases)
    func generated(_ format: WWN.Format) {
        var generator = Countdown()
        let first = WWN.generated(format, avoiding: [], using: &generator)
        #expect(first.description.hasPrefix(format.rawValue))
        #expect(first.description.contains("001a4a"))
        var again = Countdown()
        #expect(WWN.generated(format, avoiding: [first], using: &again) != first)
    }

    private struct Countdown: RandomNumberGenerator {
        var value: UInt64 = .max

        mutating func next() -> UInt64 {
            defer { value -= 1 << 40 }
            return value
        }
    }
}
