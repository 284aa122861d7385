import SANModel
import SANTestSupport
import Synchronization
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
        let loop = DeviceEvent(action: "change", subsystem: "block", path: "/devices/virtual/block/loop0")
        #expect(UnitArrival.concerned(by: loop, among: pending).isEmpty)
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

    @Test("What is heard of a unit that is waited for begins the quiet anew, what is heard of others doesn't")
    func progress() async throws {
        let quiets = Mutex(0)
        let arrival = UnitArrival(host: tree.host, events: events, awaitsMaps: false) { _ in
            quiets.withLock { $0 += 1 }
            return .after(.seconds(600))
        }
        try name(0)
        async let wait: Void = arrival.wait(
            for: Set(units), named: "disks", quiet: .seconds(1), until: .after(.seconds(600)))
        while events.listened.isEmpty { await Task.yield() }
        // Complete already, and nobody's: neither counts.
        events.post(event(0))
        events.post(DeviceEvent(action: "change", subsystem: "block", path: "/devices/virtual/block/loop0"))
        // Half done, then done.
        events.post(event(1))
        while quiets.withLock({ $0 }) < 2 { await Task.yield() }
        for lun in 1..<3 {
            try name(lun)
            events.post(event(lun))
        }
        try await wait
        #expect(quiets.withLock { $0 } == 4)
    }

    @Test("The deadline ends it, whatever is heard")
    func deadline() async throws {
        // One more event of a unit that is waited for behind each.
        let arrival = UnitArrival(host: tree.host, events: events, awaitsMaps: false) { [events] _ in
            events.post(event(1))
            return .after(.seconds(600))
        }
        let failure = await #expect(throws: StorageError.self) {
            try await arrival.wait(
                for: Set(units), named: "disks", quiet: .seconds(600), until: .after(.milliseconds(50)))
        }
        #expect(failure?.code == .timedOut)
    }

    @Test("A cancellation ends it")
    func cancellation() async throws {
        let wait = Task {
            try await arrival().wait(
                for: Set(units), named: "disks", quiet: .seconds(600), until: .after(.seconds(600)))
        }
        while events.listened.isEmpty { await Task.yield() }
        wait.cancel()
        let failure = await #expect(throws: StorageError.self) { try await wait.value }
        #expect(failure?.code == .cancelled)
    }

    @Test("What has come unheard counts at the end of a quiet, and begins another")
    func unheard() async throws {
        let quiets = Mutex(0)
        let arrival = UnitArrival(host: tree.host, events: events, awaitsMaps: false) { [tree] _ in
            let count = quiets.withLock { count in
                count += 1
                return count
            }
            // A disk comes in each quiet, and no event of it.
            if count <= 3 { try? tree.write("/run/udev/data/b8:\((count - 1) * 16)", "I:1\n") }  // the wait would end
            return .after(.milliseconds(20))
        }
        try await arrival.wait(for: Set(units), named: "disks", quiet: .seconds(1), until: .after(.seconds(600)))
        #expect(quiets.withLock { $0 } == 4)
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
