import SANHost
import SANModel
import SANTestSupport
import Synchronization
import SystemPackage

/// Plays the driver of an HBA on a captured host: what virtual ports and scans do to sysfs, and the events that tell of it.
final class PlayedHBA: HBAControl {
    /// What the fabric does with a new virtual port.
    enum Fabric: Sendable, Hashable {
        /// It is let in, and sees a target with two LUNs once that is scanned.
        case lun
        /// It is let in and sees no target.
        case noTarget
        /// It sees a target that gets no number.
        case unboundTarget
        /// The link of the HBA is down.
        case linkDown
        /// The port is made and its host never comes.
        case silent
    }

    struct Script: Sendable {
        var fabric = Fabric.lun
        var creationError: StorageError?
        var deletionError: StorageError?
        /// Whether a port that is deleted doesn't go.
        var keepsPorts = false
        var scanError: StorageError?
        /// Whether udev sees the disks.
        var hasUdev = true
    }

    let host: CapturedHost
    let events = ScriptedDeviceEvents()
    private let script: Mutex<Script>
    private let calls = Mutex<[String]>([])

    init(_ script: Script = Script(), host: CapturedHost) {
        self.host = host
        self.script = Mutex(script)
    }

    /// `create WWPN:WWNN scsi_host8`, `scan 10 0 0` (and the LUN where there is one) and so on, in order.
    var log: [String] { calls.withLock { $0 } }

    func change(_ body: (inout Script) -> Void) { script.withLock { body(&$0) } }

    func scan(
        _ scsiHost: SCSIHost, channel: UInt32?, target: UInt32?, lun: LogicalUnitNumber?
    ) throws(StorageError) {
        let parts = [channel, target].map { $0.map(String.init) ?? "-" }
        let unit = lun.map { " \($0.kernel)" } ?? ""
        calls.withLock { $0.append("scan \(scsiHost.number) \(parts.joined(separator: " "))\(unit)") }
        if let error = script.withLock({ $0.scanError }) { throw error }
        guard scsiHost.number == Capture.virtualHost, script.withLock({ $0.fabric }) == .lun else { return }
        try play { host in
            try host.add(Capture.units)
            if script.withLock({ $0.hasUdev }) { try host.add(Capture.udev) }
        }
        // As where events were lost: all units that are waited for are looked at.
        events.post(DeviceEvent(action: "", subsystem: "", path: ""))
    }

    func createVPort(wwpn: WWN, wwnn: WWN, on parent: FCHost) throws(StorageError) {
        calls.withLock { $0.append("create \(wwpn):\(wwnn) \(parent.name)") }
        let script = script.withLock { $0 }
        if let error = script.creationError { throw error }
        guard script.fabric != .silent else { return }
        try play { host in
            try host.add(Capture.vport)
            switch script.fabric {
            case .lun: try host.add(Capture.targets)
            case .unboundTarget:
                try host.add(Capture.targets)
                try host.write(Capture.target + "/scsi_target_id", "-1\n")
            case .linkDown:
                try host.write(Capture.parentAttributes + "/port_state", "Linkdown\n")
                try host.write(Capture.portAttributes + "/port_state", "Linkdown\n")
                try host.write(Capture.portAttributes + "/port_id", "0x000000\n")
                try host.write(Capture.portAttributes + "/fabric_name", "0x0\n")
            case .noTarget, .silent: break
            }
        }
        events.post(added: "/devices/host10/fc_host/host10", in: "fc_host")
    }

    func deleteVPort(wwpn: WWN, wwnn: WWN, on parent: FCHost) throws(StorageError) {
        calls.withLock { $0.append("delete \(wwpn):\(wwnn) \(parent.name)") }
        let script = script.withLock { $0 }
        if let error = script.deletionError { throw error }
        guard !script.keepsPorts else { return }
        try play { host in
            for capture in [Capture.udev, Capture.units, Capture.targets, Capture.vport] { try host.remove(capture) }
        }
        events.post(DeviceEvent(action: "remove", subsystem: "scsi_host", path: "/devices/host10"))
    }

    private func play(_ body: (CapturedHost) throws -> Void) throws(StorageError) {
        do {
            try body(host)
        } catch {
            throw StorageError(.hostFailure, "The played HBA failed: \(error)")
        }
    }
}

/// What was captured in the kernel lab (Linux 6.1, libfc, udev 252 with our rules): `udevadm`, LIO and the fabric of `Tests/Lab/fcfabric.py`.
enum Capture {
    static let hosts = text("hosts")
    static let vport = text("vport")
    static let targets = text("targets")
    static let units = text("units")
    static let udev = text("udev")

    static let virtualHost: UInt32 = 10
    static let wwpn = WWN(0x5001_4380_0000_0001)
    static let wwnn = WWN(0x5001_4380_0000_0000)
    /// What multipathd makes of the virtual port's first disk: a map with this disk as a path, and perhaps one of another host.
    static func map(alsoOn other: String? = nil) -> String {
        let disk = "/sys/devices/virtual/block/dm-0"
        let path = vportFolder + "/host10/rport-10:0-1/target10:0:0/10:0:0:0/block/sdc"
        return
            (["F \(disk)/dev 254:0\\n", "F \(disk)/dm/name mpathv\\n", "F \(disk)/dm/uuid mpath-\(wwid)\\n"]
            + [
                "L /sys/block/dm-0 ../devices/virtual/block/dm-0",
                "L /sys/dev/block/254:0 ../../devices/virtual/block/dm-0",
            ]
            + ["L \(disk)/slaves/sdc ../sdc", "L \(path)/holders/dm-0 ../dm-0"]
            + (other.map { ["L \(disk)/slaves/\($0) ../\($0)"] } ?? [])).joined(separator: "\n")
    }

    static let wwid = "36001405bbbb000200000000000000000"

    static let parentFolder = "/sys/devices/pci0000:00/0000:00:02.0/virtio1/net/enp0s2/ctlr_0/host8"
    static let parentAttributes = parentFolder + "/fc_host/host8"
    static let vportFolder = parentFolder + "/vport-8:0-0"
    static let portAttributes = vportFolder + "/host10/fc_host/host10"
    static let target = vportFolder + "/host10/rport-10:0-1/fc_remote_ports/rport-10:0-1"

    private static func text(_ name: String) -> String {
        let file = FilePath(#filePath).removingLastComponent().appending("Fixtures").appending("\(name).txt")
        let bytes = try? LocalFile(file).read(limit: 1 << 20)  // a fixture that isn't there fails every test
        return String(decoding: bytes ?? [], as: UTF8.self)
    }
}
