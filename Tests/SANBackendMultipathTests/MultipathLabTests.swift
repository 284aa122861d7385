import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendMultipath

@Suite("mpath pools on maps of the kernel", .timeLimit(.minutes(10)))
struct MultipathLabTests {
    private static let backend = MultipathBackend(host: HostRoot("/"), mapper: DeviceMapper.shared)

    private static func refresh() async throws -> PoolSnapshot { try await MapFixture.snapshot(of: backend) }

    /// A target with two portals and one LUN, and the map that multipathd made of it.
    private static func twoPaths(_ lab: Lab) async throws -> (LabMultipath, LabTarget, LabDisk) {
        let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
        let disk = try await target.addLUN(3)
        let multipath = try await lab.multipath()
        let initiator = try await lab.initiator()
        try await initiator.discover()
        try await initiator.logIn(target.iqn)
        try await multipath.map(disk.wwid, paths: 2)
        return (multipath, target, disk)
    }

    @Test("two portals of a target are two paths of a volume; one that goes offline, and a multipathd that goes")
    func iSCSI() async throws {
        try await Lab.run { lab in
            let (multipath, _, disk) = try await Self.twoPaths(lab)
            // The checker of a new path answers when it answers.
            try await lab.wait(for: "multipathd to have checked both paths") {
                try await Self.refresh().volumes.first?.unit?.paths.map(\.state)
                    == ["active ready running", "active ready running"]
            }
            let snapshot = try await Self.refresh()
            #expect(snapshot.problems.isEmpty)
            let volume = try #require(snapshot.volumes.first)
            #expect(volume.name == LabMultipath.maps[disk.wwid])
            #expect(volume.path == "/dev/mapper/\(disk.wwid)")
            #expect(volume.definition.capacity == ByteCount(64 << 20))
            #expect(volume.problems.isEmpty)
            let unit = try #require(volume.unit)
            #expect(unit.wwid == disk.wwid)
            #expect(unit.serial == disk.serial)
            #expect(unit.lun.number == 3)
            #expect(Set(unit.paths.map(\.state)) == ["active ready running"])
            #expect(Set(unit.paths.map(\.portal)) == ["10.99.0.1:3260", "10.99.0.2:3260"])
            #expect(unit.linksByID.contains("/dev/disk/by-id/dm-uuid-mpath-\(disk.wwid)"))
            #expect(unit.map?.groups.flatMap(\.devices).count == 2)

            let path = try #require(unit.paths.first?.device)
            try LabFile.set(FilePath("/sys/block/\(path)/device/state"), "offline\n")
            try await lab.wait(for: "multipathd to fail the path") {
                try await Self.refresh().volumes.first?.unit?.paths.contains { $0.state == "failed faulty offline" }
                    == true
            }
            let degraded = try #require(try await Self.refresh().volumes.first)
            #expect(degraded.problems.first?.message.hasPrefix("Degraded: 1 of 2 paths are active; \(path)") == true)

            multipath.stop()
            let alone = try #require(try await Self.refresh().volumes.first)
            #expect(Set(alone.unit?.paths.map(\.state) ?? []) == ["failed undef offline", "active undef running"])
            try LabFile.set(FilePath("/sys/block/\(path)/device/state"), "running\n")
            try await multipath.start()
        }
    }

    @Test("maps that are suspended, without a table, without paths and of several targets; none is opened (L35)")
    func badMaps() async throws {
        try await Lab.run { lab in
            try await lab.load("dm-multipath", "dm-service-time")
            let tables = [
                "none": ("0 8192 multipath 1 queue_if_no_path 0 0 0", "no paths"),
                "joined": (
                    "0 8 zero\n8 8 error",
                    "isn't one multipath target"
                ),
                "hung": ("0 8192 multipath 0 0 0 0", "is suspended"),
            ]
            for (name, (table, _)) in tables.sorted(by: { $0.key < $1.key }) {
                let file = lab.folder.appending(name)
                try LabFile.write(file, table + "\n")
                try await lab.run("dmsetup", "create", name, "--uuid", "mpath-3\(name)", file.string)
                lab.atEnd("The map \(name)") {
                    _ = try await lab.attempt("dmsetup", ["message", name, "0", "fail_if_no_path"])
                    try await lab.run("dmsetup", "remove", "--retry", name)
                }
            }
            try await lab.run("dmsetup", "create", "bare", "--notable", "--uuid", "mpath-3bare")
            lab.atEnd("The map bare") { try await lab.run("dmsetup", "remove", "bare") }
            // Another kind of map is no volume, and its table isn't asked for.
            try LabFile.write(lab.folder.appending("zero"), "0 8 zero\n")
            try await lab.run("dmsetup", "create", "zero", lab.folder.appending("zero").string)
            lab.atEnd("The map zero") { try await lab.run("dmsetup", "remove", "--retry", "zero") }
            try await lab.settle()
            try await lab.run("dmsetup", "suspend", "--noflush", "hung")
            lab.atEnd("The suspension") { try await lab.run("dmsetup", "resume", "hung") }

            let snapshot = try await Self.refresh()
            let messages = Dictionary(
                snapshot.volumes.map { ($0.unit?.map?.alias ?? "", $0.problems.map(\.message)) }
            ) { first, _ in first }
            #expect(messages.keys.sorted() == ["bare", "hung", "joined", "none"])
            for (name, (_, message)) in tables {
                #expect(messages[name]?.contains { $0.contains(message) } == true, "\(messages)")
            }
            #expect(messages["bare"]?.contains { $0.contains("has no table") } == true, "\(messages)")
            #expect(messages["none"]?.contains { $0.contains("whoever opens it hangs") } == true, "\(messages)")
        }
    }

    @Test("64 maps with two paths each, made without multipathd")
    func many() async throws {
        try await Lab.run { lab in
            // Disks of memory: udev is quick with them, as 128 SCSI disks would keep an emulated guest busy for minutes.
            try await lab.load("dm-multipath", "dm-service-time")
            try await lab.run("modprobe", "brd", "rd_nr=128", "rd_size=4096")
            lab.atEnd("The disks of memory") { try await lab.run("modprobe", "--remove", "brd") }
            let maps = (0..<64).map { index in
                "m\(index),mpath-3\(index),,,0 8192 multipath 2 queue_mode bio 0 1 1 service-time 0 2 2 1:\(2 * index) 1 1 1:\(2 * index + 1) 1 1"
            }
            try await lab.run("dmsetup", "create", "--concise", maps.joined(separator: ";"))
            lab.atEnd("The maps") { try await lab.run("dmsetup", "remove_all") }
            try await lab.settle()
            var times: [Duration] = []
            var snapshot = PoolSnapshot()
            for _ in 0..<3 {
                let start = ContinuousClock.now
                snapshot = try await Self.refresh()
                times.append(ContinuousClock.now - start)
            }
            print("a refresh of 64 maps took \(times)")
            #expect(snapshot.volumes.count == 64)
            #expect(snapshot.volumes.allSatisfy { $0.unit?.paths.count == 2 })
            // Multipath's rules for udev don't take a map for ready that nobody tells them of.
            let problems = snapshot.volumes.flatMap(\.problems).filter { !$0.message.contains("isn't ready") }
            #expect(problems.isEmpty, "\(problems.prefix(3))")
        }
    }
}

@Suite("Taking maps of the kernel away", .timeLimit(.minutes(10)))
struct MapRemovalLabTests {
    private static let host = HostRoot("/")
    private static let maps = MultipathMaps(host: host, mapper: DeviceMapper.shared, events: ScriptedDeviceEvents())

    private static func refused(_ wwid: String, within time: Duration) async -> StorageError? {
        do {
            _ = try await maps.remove(wwid: wwid, until: .after(time))
            return nil
        } catch {
            return error
        }
    }

    private static func map(_ disk: LabDisk) async throws -> MappedDevice? {
        try await DeviceMapper.shared.device(uuid: "mpath-\(disk.wwid)", until: .after(.seconds(30)))
    }

    @Test("a mounted map is refused, a free one goes, with multipathd and without, and when no path is left")
    func removal() async throws {
        try await Lab.run { lab in
            let target = try await lab.target(portals: ["10.99.0.1:3260", "10.99.0.2:3260"])
            let disk = try await target.addLUN(0)
            let multipath = try await lab.multipath()
            let initiator = try await lab.initiator()
            try await initiator.discover()
            try await initiator.logIn(target.iqn)
            try await multipath.map(disk.wwid, paths: 2)
            let path = "/dev/mapper/\(disk.wwid)"

            let folder = lab.folder.appending("mount")
            try LabFile.makeFolder(folder)
            try await lab.run("mkfs.ext2", "-q", path)
            try await lab.run("mount", path, folder.string)
            let refusal = await Self.refused(disk.wwid, within: .seconds(60))
            #expect(refusal?.code == .busy)
            #expect(refusal?.message.contains("is mounted at \(folder)") == true)
            try await lab.run("umount", folder.string)

            // A program that has it open is named at the deadline, and waited for until then (L32).
            async let program = lab.attempt("flock", [path, "sleep", "15"])
            try await lab.wait(for: "flock to open the map") { try await Self.map(disk)?.openCount == 1 }
            let open = await Self.refused(disk.wwid, within: .seconds(3))
            #expect(open?.code == .busy)
            #expect(open?.message.contains("it is open by ") == true, "\(open?.description ?? "removed")")
            #expect(try await Self.map(disk)?.isSuspended == false)
            #expect(try await Self.maps.remove(wwid: disk.wwid, until: .after(.seconds(90))).isChanged)
            #expect(try await program.status == 0)
            #expect(LabMultipath.maps.isEmpty)
            #expect(try await !Self.maps.remove(wwid: disk.wwid, until: .after(.seconds(60))).isChanged)

            // Again, with every path dead and a write that waits for one of them.
            try await multipath.command("add", "map", disk.wwid)
            try await multipath.map(disk.wwid, paths: 2)
            for path in LabMultipath.paths(of: disk.wwid) {
                try LabFile.set(FilePath("/sys/block/\(path)/device/state"), "offline\n")
            }
            multipath.stop()
            async let writer = lab.attempt("dd", ["if=/dev/zero", "of=\(path)", "bs=4096", "count=1", "oflag=direct"])
            try await lab.wait(for: "all paths to fail") {
                let map = try await Self.map(disk)
                guard let table = map?.table.first, let status = map?.status.first else { return false }
                let target = try MultipathTarget(table: table.parameters, status: status.parameters)
                return target.queuesWithoutPaths && !target.paths.contains(where: \.isActive)
            }
            #expect(try await Self.maps.remove(wwid: disk.wwid, until: .after(.seconds(60))).isChanged)
            #expect(LabMultipath.maps.isEmpty)
            #expect(try await writer.status != 0, "what waited for a path has failed")
            try await multipath.start()
        }
    }
}
