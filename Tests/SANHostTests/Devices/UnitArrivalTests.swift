import SANModel
import SANTestSupport
import Testing

@testable import SANHost

@Suite("Units arrive: disks, udev's names and maps, one by one")
struct UnitArrivalTests {
    private let tree: HostTree
    private let events = ScriptedDeviceEvents()
    private let units: [HCTL]

    init() throws {
        let tree = try HostTree()
        self.tree = tree
        units = try (0..<3).map { lun in
            let name = "sd\(Character(UnicodeScalar(UInt8(97 + lun))))"
            return try tree.addDisk(name, "8:\(lun * 16)", at: "3:0:0:\(lun)", naa: SCSIAnswer.naa(UInt8(lun))).hctl
        }
    }

    private func arrival(awaitsMaps: Bool = false) -> UnitArrival {
        UnitArrival(host: tree.host, events: events, awaitsMaps: awaitsMaps)
    }

    private func name(_ lun: Int, _ property: String = "") throws {
        try tree.write("/run/udev/data/b8:\(lun * 16)", "I:1\n\(property)")
    }

    private func event(_ lun: Int) -> DeviceEvent {
        DeviceEvent(
            action: "add", subsystem: "block", path: "/devices/x/host3/target3:0:0/3:0:0:\(lun)/block/sd\(lun)")
    }

    @Test("L26: an event is about one unit, and no other is looked at again")
    func oneUnit() {
        let pending = Set(units)
        #expect(UnitArrival.concerned(by: event(1), among: pending) == [units[1]])
        #expect(UnitArrival.concerned(by: event(1), among: [units[0]]).isEmpty)
        let generic = DeviceEvent(action: "add", subsystem: "scsi", path: "/devices/x/host3/target3:0:0/3:0:0:1")
        #expect(UnitArrival.concerned(by: generic, among: pending).isEmpty)
        let gone = DeviceEvent(action: "remove", subsystem: "scsi", path: "/devices/x/host3/target3:0:0/3:0:0:1")
        #expect(UnitArrival.concerned(by: gone, among: pending) == [units[1]])
        let map = DeviceEvent(action: "change", subsystem: "block", path: "/devices/virtual/block/dm-0")
        #expect(UnitArrival.concerned(by: map, among: pending) == pending)
        let lost = DeviceEvent(action: "", subsystem: "", path: "")
        #expect(UnitArrival.concerned(by: lost, among: pending) == pending)
    }

    @Test("What is complete already isn't waited for")
    func complete() async throws {
        for lun in 0..<3 { try name(lun) }
        try await arrival().wait(for: Set(units), named: "disks", quiet: .seconds(600), until: .after(.seconds(600)))
    }

    @Test("Each unit's own event ends the wait for it; one that goes isn't waited for")
    func oneByOne() async throws {
        async let wait: Void = arrival().wait(
            for: Set(units), named: "disks", quiet: .seconds(600), until: .after(.seconds(600)))
        while events.listened.isEmpty { await Task.yield() }
        for lun in 0..<2 {
            try name(lun)
            events.post(event(lun))
        }
        try tree.remove("/sys/bus/scsi/devices/3:0:0:2")
        events.post(DeviceEvent(action: "remove", subsystem: "scsi", path: "/devices/x/host3/target3:0:0/3:0:0:2"))
        try await wait
    }

    @Test("A disk that multipathd has taken is complete with its map, where that is asked for")
    func maps() async throws {
        try name(0, "E:DM_MULTIPATH_DEVICE_PATH=1")
        try await arrival().wait(for: [units[0]], named: "disks", quiet: .seconds(600), until: .after(.seconds(600)))
        let failure = await #expect(throws: StorageError.self) {
            try await arrival(awaitsMaps: true).wait(
                for: [units[0]], named: "disks", quiet: .milliseconds(20), until: .after(.seconds(600)))
        }
        #expect(failure?.code == .timedOut)
        async let wait: Void = arrival(awaitsMaps: true).wait(
            for: [units[0]], named: "disks", quiet: .seconds(600), until: .after(.seconds(600)))
        while events.listened.count < 3 { await Task.yield() }
        try tree.addMap("dm-0", "253:0", called: "mpatha", uuid: "mpath-36001405", on: ["sda"])
        events.post(DeviceEvent(action: "change", subsystem: "block", path: "/devices/virtual/block/dm-0"))
        try await wait
    }

    @Test("Nothing heard for long enough ends it, whatever the deadline")
    func silence() async throws {
        let failure = await #expect(throws: StorageError.self) {
            try await arrival().wait(
                for: Set(units), named: "the disks of scsi_host3", quiet: .milliseconds(20),
                until: .after(.seconds(600)))
        }
        #expect(failure?.code == .timedOut)
        #expect(failure?.message == "Waited in vain for the disks of scsi_host3")
    }
}
