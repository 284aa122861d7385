import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendMultipath

@Suite("mpath pools on a tree of files", .timeLimit(.minutes(1)))
struct MultipathPoolTests {
    @Test("a map is a volume by libvirt's names, with the LUN's identity")
    func volume() async throws {
        let fixture = try MapFixture()
        let daemon = try fixture.daemon()
        let snapshot = try await fixture.refresh()
        #expect(snapshot.problems.isEmpty)
        #expect(snapshot.capacity?.bytes == MapFixture.size)
        let volume = try #require(snapshot.volumes.first)
        #expect(volume.name == "dm-2")
        #expect(volume.key == "/dev/mapper/mpatha")
        #expect(volume.path == "/dev/mapper/mpatha")
        #expect(volume.definition.type == .block)
        #expect(volume.problems.isEmpty)
        let unit = try #require(volume.unit)
        #expect(unit.wwid == MapFixture.wwid)
        #expect(unit.vendor == "LIO-ORG")
        #expect(unit.serial == "aaaaaaaa")
        #expect(unit.lun.number == 3)
        #expect(unit.hctl == nil)
        #expect(unit.multipath == "/dev/mapper/mpatha")
        #expect(unit.linksByID == ["/dev/disk/by-id/dm-uuid-mpath-\(MapFixture.wwid)"])
        #expect(unit.paths.map(\.device) == ["sde", "sdf"])
        #expect(unit.paths.map(\.hctl) == ["8:0:0:3", "9:0:0:3"])
        #expect(unit.paths.map(\.state) == ["active ready running", "active ready running"])
        let map = try #require(unit.map)
        #expect(map.alias == "mpatha")
        #expect(map.policy == "service-time 0")
        #expect(map.hardwareHandler == "alua")
        #expect(map.isQueueing)
        #expect(map.groups == [.init(state: "active", selector: "service-time 0", devices: ["sde", "sdf"])])
        withExtendedLifetime(daemon) {}
    }

    @Test("without multipathd the states are device-mapper's, and that is no problem (L47)")
    func withoutDaemon() async throws {
        let snapshot = try await MapFixture().refresh()
        #expect(snapshot.problems.isEmpty)
        #expect(snapshot.volumes.first?.unit?.paths.first?.state == "active undef running")
        #expect(snapshot.volumes.first?.problems.isEmpty == true)
    }

    @Test("a multipathd that doesn't answer is a problem of the pool, and the maps are listed")
    func deafDaemon() async throws {
        let fixture = try MapFixture()
        try ScriptedMultipathDaemon.pretendProcess(in: fixture.tree)
        let snapshot = try await fixture.refresh()
        #expect(snapshot.problems.map(\.code) == [.unavailable])
        #expect(snapshot.volumes.count == 1)
    }

    @Test("a failed path is told by device-mapper, by the checker, and by the kernel (L40)")
    func degraded() async throws {
        let failed = try MapFixture(status: "2 0 1 0 1 1 A 0 2 2 8:64 A 0 0 1 8:80 F 3 0 1 ")
        #expect(
            try await failed.volume()?.problems.map(\.message) == [
                "Degraded: 1 of 2 paths are active; sdf is failed undef running"
            ])
        let faulty = try MapFixture()
        let daemon = try faulty.daemon("ready", "faulty")
        #expect(try await faulty.volume()?.problems.first?.message.hasSuffix("sdf is active faulty running") == true)
        withExtendedLifetime(daemon) {}
        let offline = try MapFixture()
        try offline.tree.write("/sys/devices/platform/host9/target9:0:0/9:0:0:3/state", "offline")
        #expect(try await offline.volume()?.problems.first?.message.hasSuffix("sdf is active undef offline") == true)
    }

    @Test("no path that works, and I/O that waits for ever (L35)")
    func dead() async throws {
        let dead = try MapFixture(status: "2 1 1 0 1 1 E 0 2 2 8:64 F 1 0 1 8:80 F 3 0 1 ")
        let problems = try #require(try await dead.volume()).problems
        #expect(problems.map(\.code) == [.unavailable])
        #expect(
            problems.first?.message
                == "mpatha has no active path of 2, and lets I/O wait without end: whoever opens it hangs")
        let empty = try MapFixture { map in
            map.table[0].parameters = "0 0 0 0 "
            map.status[0].parameters = "2 0 0 0 0 0 "
        }
        #expect(try await empty.volume()?.problems.map(\.message) == ["mpatha has no paths: all I/O fails"])
    }

    @Test("suspended, to be removed later (L44), and not made by udev yet (L39)")
    func states() async throws {
        let fixture = try MapFixture { map in
            map.isSuspended = true
            map.goesWhenClosed = true
        }
        try fixture.tree.write("/run/udev/data/b254:2", "I:1")
        let messages = try #require(try await fixture.volume()).problems.map(\.message)
        #expect(messages.count == 3)
        #expect(messages[0].hasPrefix("mpatha is suspended"))
        #expect(messages[1].contains("deferred removal"))
        #expect(messages[2].contains("udev has made no /dev/mapper/mpatha"))
        let early = try MapFixture()
        try early.tree.write("/run/udev/data/b254:2", "S:mapper/mpatha\nE:MPATH_DEVICE_READY=0")
        #expect(try await early.volume()?.problems.first?.message.contains("isn't ready") == true)
    }

    @Test("a map without a table, one of several targets, and one of nonsense are volumes with a problem")
    func badTables() async throws {
        let bare = try MapFixture { map in
            map.hasTable = false
            (map.table, map.status) = ([], [])
        }
        #expect(try await bare.volume()?.problems.map(\.code) == [.unavailable])
        let joined = try MapFixture { map in
            map.table.append(.init(start: 131_072, length: 8, type: "error", parameters: ""))
            map.status.append(.init(start: 131_072, length: 8, type: "error", parameters: ""))
        }
        #expect(try await joined.volume()?.problems.map(\.code) == [.unsupported])
        let nonsense = try MapFixture { $0.table[0].parameters = "7 a" }
        let volume = try #require(try await nonsense.volume())
        #expect(volume.problems.map(\.code) == [.hostFailure])
        #expect(volume.unit?.wwid == MapFixture.wwid)
        #expect(volume.unit?.map?.alias == "mpatha")
    }

    @Test("paths of different sizes, and paths that have grown below their map (L78)")
    func sizes() async throws {
        let mixed = try MapFixture()
        try mixed.tree.write("/sys/devices/platform/host9/target9:0:0/9:0:0:3/block/sdf/size", "262144")
        #expect(try await mixed.volume()?.problems.first?.message.contains("have different sizes") == true)
        try mixed.tree.write("/sys/devices/platform/host8/target8:0:0/8:0:0:3/block/sde/size", "262144")
        #expect(try await mixed.volume()?.problems.first?.message.hasSuffix("multipathd resize map mpatha") == true)
    }

    @Test("a path that says it is another LUN (L09), and not one that has several names (L03)")
    func identity() async throws {
        let fixture = try MapFixture()
        let page = "/sys/devices/platform/host9/target9:0:0/9:0:0:3/vpd_pg83"
        try fixture.tree.write(page, SCSIAnswer.page83(naa: SCSIAnswer.naa(2)))
        let problem = try #require(try await fixture.volume()?.problems.first)
        #expect(problem.code == .backendFailure)
        #expect(problem.message.contains("sdf says that it is 36001405a000000000000000000000002"))
        let other = try MapFixture { $0.uuid = "mpath-1LIO-ORG_x" }
        let both = SCSIAnswer.page83(naa: SCSIAnswer.naa(1), t10: "LIO-ORG x")
        for host in [8, 9] {
            try other.tree.write("/sys/devices/platform/host\(host)/target\(host):0:0/\(host):0:0:3/vpd_pg83", both)
        }
        #expect(try await other.volume()?.problems.isEmpty == true)
        // An ATA disk, whose name udev has from ATA's own command.
        let local = try MapFixture { $0.uuid = "mpath-QEMU_HARDDISK_a3" }
        let designator = SCSIAnswer.page83(naa: SCSIAnswer.naa(1), t10: "ATA     QEMU HARDDISK      a3")
        for host in [8, 9] {
            try local.tree.write(
                "/sys/devices/platform/host\(host)/target\(host):0:0/\(host):0:0:3/vpd_pg83", designator)
        }
        #expect(try await local.volume()?.problems.isEmpty == true)
    }

    @Test("a path whose LUN is another one by now, and no path that can't carry I/O is asked (L01, L35)")
    func staleness() async throws {
        let fixture = try MapFixture()
        let (first, second) = (try fixture.tree.unit("8:0:0:3"), try fixture.tree.unit("9:0:0:3"))
        let interview = ScriptedInterview()
        func answer(_ unit: SCSIUnit, _ naa: UInt8) throws {
            try interview.answer(
                unit, naa: SCSIAnswer.naa(naa), serial: "aaaaaaaa", bytes: MapFixture.size, vendor: "LIO-ORG",
                product: "FILEIO")
        }
        try answer(first, 1)
        try answer(second, 1)
        #expect(try await fixture.refresh(interview).volumes.first?.problems == [])
        try answer(second, 7)
        let problems = try #require(try await fixture.refresh(interview).volumes.first).problems
        #expect(problems.map(\.code) == [.invalidState])
        let message = try #require(problems.first?.message)
        #expect(message.hasPrefix("9:0:0:3 (sdf) is another unit than the kernel's data of it say"))
        #expect(problems.first?.subject.values[.volume] == "dm-2")

        let failed = try MapFixture(status: "2 0 1 0 1 1 A 0 2 2 8:64 A 0 0 1 8:80 F 3 0 1 ")
        let asked = ScriptedInterview()
        asked.answer(first, .failure(StorageError(.timedOut, "Waited in vain for an answer of 8:0:0:3 (sde)")))
        let messages = try #require(try await failed.refresh(asked).volumes.first).problems.map(\.message)
        #expect(asked.asked.map(\.description) == ["8:0:0:3"])
        #expect(messages.count == 2 && messages.contains("Waited in vain for an answer of 8:0:0:3 (sde)"))
    }

    @Test("two LUNs of one port that have one WWID, and are joined in a map (L04)")
    func joined() async throws {
        let fixture = try MapFixture()
        try fixture.tree.addDisk(
            "sdg", "8:96", at: "8:0:0:9", bytes: MapFixture.size, vendor: "LIO-ORG", product: "FILEIO",
            naa: SCSIAnswer.naa(1))
        let problems = try #require(try await fixture.volume()).problems
        #expect(problems.map(\.code) == [.invalidState])
        #expect(problems.first?.message.contains("are LUNs 3 and 9 of one port") == true, "\(problems)")
    }

    @Test("two maps that lead to one LUN are told of")
    func shared() async throws {
        var second = MappedDevice(
            multipath: "mpathb", wwid: "3other", minor: 3, table: MapFixture.table, status: MapFixture.status)
        second.uuid = ""
        let fixture = try MapFixture(others: [second])
        let volumes = try await fixture.refresh().volumes
        #expect(volumes.count == 2)
        for volume in volumes {
            #expect(
                volume.problems.contains {
                    $0.message.contains("/dev/mapper/mpatha and /dev/mapper/mpathb lead to one LUN")
                })
        }
    }

    @Test("a device that device-mapper won't tell of is a problem beside the others")
    func unreadable() async throws {
        let fixture = try MapFixture(problems: [StorageError(.hostFailure, "no", subject: .device("254:9"))])
        let snapshot = try await fixture.refresh()
        #expect(snapshot.volumes.count == 1)
        #expect(snapshot.problems.count == 1)
    }

    @Test("a path that is gone is shown by its number")
    func missingPath() async throws {
        let fixture = try MapFixture()
        try fixture.tree.remove("/sys/dev/block/8:80")
        let volume = try #require(try await fixture.volume())
        #expect(volume.unit?.paths.last?.device == "8:80")
        #expect(volume.unit?.paths.last?.state == "active undef gone")
        #expect(volume.problems.first?.message.hasPrefix("Degraded: 1 of 2") == true)
    }

    @Test("what is missing is named, with its module and package")
    func availability() async throws {
        let tree = try HostTree()
        let backend = MultipathBackend(host: tree.host, mapper: ScriptedDeviceMapper())
        #expect(await backend.availability().isAvailable == false)
        try tree.write("/dev/mapper/control", "")
        let missing = await backend.availability()
        #expect(missing.reason?.contains("dm-multipath") == true)
        #expect(missing.package == "multipath-tools")
        let error = await #expect(throws: StorageError.self) { try await MapFixture.snapshot(of: backend) }
        #expect(error?.code == .unavailable)
        try tree.makeFolder("/sys/module/dm_multipath")
        #expect(await backend.availability().isAvailable)
        #expect(await backend.availability().libraryVersion?.hasPrefix("1.") == true)
    }
}
