import SANHost
import SANModel
import SANTestSupport
import Testing

@Suite("Taking a multipath map away", .timeLimit(.minutes(1)))
struct MultipathMapsTests {
    private let tree: HostTree
    private let events = ScriptedDeviceEvents()
    private static let wwid = "36001405aaaaaaaa11111111000000000"
    private static let uuid = "mpath-\(wwid)"

    init() throws {
        tree = try HostTree()
        try tree.makeFolder("/proc")
        try tree.addDisk("sde", "8:64", at: "8:0:0:0")
        try tree.addMap("dm-2", "254:2", called: "mpatha", uuid: Self.uuid, on: ["sde"])
    }

    private func map(_ status: String = MultipathLines.status) -> MappedDevice {
        MappedDevice(multipath: "mpatha", wwid: Self.wwid, minor: 2, table: MultipathLines.table, status: status)
    }

    private func remove(_ mapper: ScriptedDeviceMapper, within time: Duration = .seconds(30)) async throws -> Bool {
        try await MultipathMaps(host: tree.host, mapper: mapper, events: events)
            .remove(wwid: Self.wwid, until: .after(time)).isChanged
    }

    private func refusal(_ mapper: ScriptedDeviceMapper, within time: Duration = .seconds(30)) async -> StorageError? {
        await #expect(throws: StorageError.self) { try await remove(mapper, within: time) }
    }

    @Test("a map that nobody uses goes; one that isn't there is none")
    func removal() async throws {
        let mapper = ScriptedDeviceMapper([map()])
        #expect(try await remove(mapper))
        #expect(mapper.requests == ["remove \(Self.uuid)"])
        #expect(try await !remove(mapper))
    }

    @Test("one that is open for a moment is tried again (L32)")
    func transient() async throws {
        let mapper = ScriptedDeviceMapper([map()])
        mapper.change(Self.uuid) { $0.openCount = 1 }
        mapper.onRemoval { device throws(StorageError) in
            guard device.openCount > 0 else { return true }
            device.openCount = 0
            throw StorageError(.busy, "open")
        }
        #expect(try await remove(mapper))
        #expect(mapper.requests.count == 2)
    }

    @Test("who has it open until the deadline is named, and queueing goes on (L35)")
    func open() async throws {
        let mapper = ScriptedDeviceMapper([map(MultipathLines.allFailed)])
        mapper.onRemoval { _ throws(StorageError) in throw StorageError(.busy, "open") }
        try tree.write("/proc/77/comm", "qemu-system-x86")
        try tree.link("/proc/77/fd/9", text: "/dev/dm-2")
        let error = await refusal(mapper, within: .milliseconds(300))
        #expect(error?.code == .busy)
        #expect(error?.message.contains("it is open by qemu-system-x86 (pid 77)") == true)
        #expect(mapper.requests.first == "fail_if_no_path \(Self.uuid)")
        #expect(mapper.requests.last == "queue_if_no_path \(Self.uuid)")
    }

    @Test("queueing is ended only where no path is left")
    func queueing() async throws {
        let mapper = ScriptedDeviceMapper([map(MultipathLines.oneFailed)])
        #expect(try await remove(mapper))
        #expect(mapper.requests == ["remove \(Self.uuid)"])
        let dead = ScriptedDeviceMapper([map(MultipathLines.allFailed)])
        #expect(try await remove(dead))
        #expect(dead.requests == ["fail_if_no_path \(Self.uuid)", "remove \(Self.uuid)"])
    }

    @Test("a map that a failed removal leaves suspended is resumed (L42)")
    func suspended() async throws {
        let mapper = ScriptedDeviceMapper([map()])
        mapper.onRemoval { device throws(StorageError) in
            device.isSuspended = true
            throw StorageError(.hostFailure, "no")
        }
        #expect(await refusal(mapper)?.code == .hostFailure)
        #expect(mapper.requests == ["remove \(Self.uuid)", "resume \(Self.uuid)"])
        #expect(mapper.devices.first?.isSuspended == false)
    }

    @Test("a mount, swap space and a volume group are refused at once, and named (L34)")
    func users() async throws {
        let mapper = ScriptedDeviceMapper([map()])
        try tree.link("/proc/1/ns/mnt", text: "mnt:[1]")
        try tree.write("/proc/1/mountinfo", "30 1 254:2 / /srv/a\\040b rw - ext4 /dev/mapper/mpatha rw")
        #expect(await refusal(mapper)?.message.hasSuffix("it is mounted at /srv/a b") == true)
        try tree.write("/proc/1/mountinfo", "")
        try tree.write("/proc/swaps", "Filename Type Size\n/dev/dm-2 partition 1 0 -2")
        #expect(await refusal(mapper)?.message.contains("swap") == true)
        try tree.write("/proc/swaps", "Filename")
        try tree.addMap("dm-5", "254:5", called: "vg-root", uuid: "LVM-x", on: ["dm-2"])
        #expect(await refusal(mapper)?.message.contains("dm-5 is held by vg-root") == true)
        #expect(mapper.requests.isEmpty)
    }

    @Test("partitions' maps go with it, but not when they are mounted")
    func partitions() async throws {
        try tree.addMap("dm-6", "254:6", called: "mpatha-part1", uuid: "part1-\(Self.uuid)", on: ["dm-2"])
        let mapper = ScriptedDeviceMapper([map()])
        try tree.link("/proc/1/ns/mnt", text: "mnt:[1]")
        try tree.write("/proc/1/mountinfo", "30 1 254:6 / /srv rw - ext4 /dev/mapper/mpatha-part1 rw")
        #expect(await refusal(mapper)?.message.contains("dm-6 is mounted at /srv") == true)
        try tree.write("/proc/1/mountinfo", "")
        #expect(try await remove(mapper))
        #expect(mapper.requests == ["remove part1-\(Self.uuid)", "remove \(Self.uuid)"])
    }

    @Test("multipathd is asked where it runs, by the map's own name (L33)")
    func daemon() async throws {
        let mapper = ScriptedDeviceMapper([map(MultipathLines.allFailed)])
        let daemon = try ScriptedMultipathDaemon(in: tree) { command in
            if command.hasPrefix("del") { mapper.lose(Self.uuid) }
            return ScriptedMultipathDaemon.frame("ok\n")
        }
        #expect(try await remove(mapper))
        #expect(daemon.commands == ["disablequeueing map mpatha", "del map mpatha"])
        #expect(mapper.requests.isEmpty)
    }

    @Test("a name that multipathd's commands can't hold is replaced by the kernel's")
    func names() async throws {
        var device = map()
        device.name = "a b\" del map c"
        let mapper = ScriptedDeviceMapper([device])
        let daemon = try ScriptedMultipathDaemon(in: tree) { _ in
            mapper.lose(Self.uuid)
            return ScriptedMultipathDaemon.frame("ok\n")
        }
        #expect(try await remove(mapper))
        #expect(daemon.commands == ["del map dm-2"])
    }

    @Test("multipathd forgets deleted paths before somebody else gets their names (L38)")
    func forgetting() async throws {
        let replies = ["8:64|ready|running|1\n8:80|ready|running|1\n", "8:80|ready|running|1\n"]
        let daemon = try ScriptedMultipathDaemon(in: tree) { [events] _ in
            events.post(added: "/devices/x")
            return ScriptedMultipathDaemon.frame(replies.first ?? "")
        }
        let maps = MultipathMaps(host: tree.host, mapper: ScriptedDeviceMapper(), events: events)
        let paths: Set = [DeviceNumber(major: 8, minor: 64)]
        let error = await #expect(throws: StorageError.self) {
            try await maps.waitUntilForgotten(paths, until: .after(.milliseconds(200)))
        }
        #expect(error?.code == .timedOut)
        try await maps.waitUntilForgotten([DeviceNumber(major: 8, minor: 96)], until: .after(.seconds(30)))
        #expect(daemon.commands.count > 1)
    }
}
