import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANEngine

@Suite("The files of what runs")
struct RecordTests {
    /// A volume with everything that a volume can have.
    static func full(_ name: String = "unit:0:0:1") -> Volume {
        var definition = VolumeDefinition(name: name, type: .network, capacity: 1_099_511_627_776)
        definition.key = "ip-10.0.0.1:3260-iscsi-iqn.2013-06.com.example:t-lun-1"
        definition.allocation = ByteCount(.max)
        definition.physical = 0
        definition.sourceDevices = [.init(path: "/dev/vdb", extents: [Extent(start: 1, end: 2)])]
        definition.foreign = ForeignContent(
            elements: ["<x/>"], attributes: [.init(prefix: "a", namespace: "urn:a", name: "n", value: "v")],
            nested: [
                .init("source"): ForeignContent(nested: [.init("device", 2): ForeignContent(elements: ["<y/>"])]),
                .init("source", 1): ForeignContent(elements: ["<z/>"]),
            ])
        definition.target = VolumeTarget(path: "/p", format: "qcow2")
        definition.target.permissions = Permissions(mode: 0o600, owner: 0, group: .max, label: "l")
        definition.target.timestamps = Timestamps(
            access: Timestamp(seconds: -1), birth: Timestamp(seconds: .max, nanoseconds: 999_999_999),
            modification: Timestamp(seconds: .min))
        var encryption = EncryptionDefinition(
            format: .luks, secrets: [.usage("ü"), .uuid(StorageUUID.random())])
        encryption.engine = .qemu
        encryption.cipher = .init(name: "aes", size: 256, mode: "cbc", hash: "sha256")
        encryption.initializationVector = .init(name: "plain64", hash: "sha256")
        definition.target.encryption = encryption
        definition.target.compat = "1.1"
        definition.target.noCopyOnWrite = true
        definition.target.clusterSize = 65536
        definition.target.features = .init(lazyRefcounts: true, extendedL2: true)
        definition.backingStore = BackingStore(path: "/b", format: "raw")
        definition.backingStore?.permissions = Permissions()
        definition.backingStore?.timestamps = Timestamps()
        var settings = ImageSettings()
        settings.objectSize = ByteCount(1 << 20)
        settings.striping = .init(unit: 65536, count: 4)
        settings.dataPool = "ec"
        settings.features = [.layering, .exclusiveLock]
        settings.metadata = ["a": "b", "c": ""]
        definition.imageSettings = settings
        var unit = LogicalUnit(lun: LogicalUnitNumber(raw: .max), deviceType: .enclosure)
        unit.wwid = "36001405"
        unit.serial = "s"
        unit.vendor = "v"
        unit.product = ""
        unit.revision = "r"
        unit.hctl = "1:0:0:1"
        unit.transport = "iscsi"
        unit.multipath = "mpatha"
        unit.blockSize = 4096
        unit.paths = [.init(device: "sdb", state: "running", portal: "10.0.0.1:3260", port: "p", hctl: "h"), .init()]
        unit.linksByPath = ["/dev/disk/by-path/x"]
        unit.linksByID = ["/dev/disk/by-id/x", "/dev/disk/by-id/y"]
        unit.map = MultipathMap(
            alias: "mpatha", policy: "service-time 0", features: ["queue_if_no_path"], hardwareHandler: "alua",
            isQueueing: true, groups: [.init(state: "active", selector: "service-time 0", devices: ["sda", "sdb"])])
        var volume = Volume(definition, unit: unit)
        volume.file = FileIdentity(
            device: DeviceNumber(major: 8, minor: .max), inode: .max, handle: 1, birth: Timestamp(seconds: 1))
        volume.image = ImageIdentity(cluster: "f", pool: .min, namespace: "n", id: "i")
        volume.parent = "base@snap"
        volume.snapshots = 3
        volume.problems = [
            Problem(code: .init(rawValue: "of_the_future"), message: "m", subject: .init([.volume: "v", .device: "d"]))
        ]
        return volume
    }

    @Test("what is written is read again, all of it")
    func roundTrip() throws {
        var (unseen, uncounted) = (EngineFixture.volume("b"), EngineFixture.volume("d"))
        unseen.isEncryptionUnknown = true
        uncounted.isAllocationUncounted = true
        var list = VolumeList([Self.full(), Self.full("a"), unseen, uncounted])
        list.record("c", EngineFixture.volume("c"))
        #expect(try VolumeList(decoding: list.encoded) == list)
        #expect(try VolumeList(decoding: VolumeList().encoded) == VolumeList())

        var state = LiveState(boot: "b", phase: .degraded(Self.full().problems), definition: "<pool/>")
        #expect(try LiveState(decoding: state.encoded) == state)
        let snapshot = PoolSnapshot(capacity: 1, volumes: [Self.full()], permissions: Permissions(mode: 0o711))
        state.take(snapshot, readFrom: Timestamp(seconds: 7))
        #expect(state.refreshedAt == Timestamp(seconds: 7))
        #expect(try LiveState(decoding: state.encoded) == state)
    }

    /// A list of one volume or none as it was written before volumes ended with flags.
    static func before(_ list: VolumeList) -> [UInt8] {
        let payload = list.encoded.dropFirst(24)
        return RecordFile.frame(Array(payload.dropLast(list.volumes.isEmpty ? 0 : 1)), as: .volumesBefore)
    }

    @Test("a list of the format before is read on")
    func formatBefore() throws {
        let list = VolumeList([Self.full()], generation: 5)
        #expect(try VolumeList(decoding: Self.before(list)) == list)
        #expect(try VolumeList.generation(decoding: Self.before(list)) == 5)
        #expect(throws: DamagedRecord.self) {
            try VolumeList(decoding: RecordFile.frame(Array(list.encoded.dropFirst(24)), as: .volumesBefore))
        }
    }

    @Test("a file that was cut anywhere is damaged, never a crash")
    func cut() {
        let file = VolumeList([Self.full(), Self.full("a")]).encoded
        for length in file.indices {
            #expect(throws: DamagedRecord.self) { try VolumeList(decoding: Array(file[..<length])) }
        }
        #expect(throws: DamagedRecord.self) { try VolumeList(decoding: file + [0]) }
        let state = LiveState(boot: "b", phase: .running, definition: "<pool/>").encoded
        #expect(throws: DamagedRecord.self) { try VolumeList(decoding: state) }
        for length in state.indices {
            #expect(throws: DamagedRecord.self) { try LiveState(decoding: Array(state[..<length])) }
        }
    }

    @Test("a file with a changed byte is damaged")
    func changed() {
        let file = VolumeList([Self.full()]).encoded
        for index in file.indices {
            var bad = file
            bad[index] ^= 0x41
            #expect(throws: DamagedRecord.self) { try VolumeList(decoding: bad) }
        }
    }

    @Test("hostile bytes under a right checksum end in a value or an error, in bounded memory")
    func hostile() {
        var random = SplitMix(state: 42)
        let payload = Array(VolumeList([Self.full(), Self.full("a")]).encoded.dropFirst(24))
        for _ in 0..<4_000 {
            var bad = payload
            for _ in 0..<(1 + random.next() % 4) {
                bad[Int(random.next() % UInt64(bad.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.next() % 3 == 0 { bad.removeLast(Int(random.next() % UInt64(bad.count))) }
            // Either is fine; a trap ends the test process.
            _ = try? VolumeList(decoding: RecordFile.frame(bad, as: .volumes))
            _ = try? LiveState(decoding: RecordFile.frame(bad, as: .state))
        }
        // A count of 2^63 volumes in a file of a few bytes.
        let boast = [0, 0] + [UInt8](repeating: 0xFF, count: 8) + [0x7F]
        #expect(throws: DamagedRecord.self) { try VolumeList(decoding: RecordFile.frame(boast, as: .volumes)) }
    }

    @Test("unknown content nested deeper than any document is damage, not a full stack")
    func deep() {
        var content = ForeignContent(elements: ["<x/>"])
        for _ in 0..<40 { content = ForeignContent(nested: [.init("a"): content]) }
        var volume = EngineFixture.volume("v")
        volume.definition.foreign = content
        let file = VolumeList([volume]).encoded
        #expect(throws: DamagedRecord.self) { try VolumeList(decoding: file) }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    @Test("a refresh takes over what was done to volumes while it read, and only that")
    func merging() {
        var known = VolumeList(["a", "b", "old"].map { EngineFixture.volume($0) })
        known.record("early", EngineFixture.volume("early"))
        let begun = known.generation
        known.record("made", EngineFixture.volume("made"))
        known.record("b", nil)
        known.record("a", EngineFixture.volume("a", capacity: 999))
        let read = ["a", "b", "found"].map { EngineFixture.volume($0) }
        let merged = known.merging(read, begunAt: begun)
        #expect(merged.volumes.map(\.name) == ["a", "found", "made"])
        #expect(merged.volumes.first?.definition.capacity == 999)
        #expect(known.merging(read, begunAt: known.generation).volumes.map(\.name) == ["a", "b", "found"])
    }

    @Test("the generation of a list is read without its volumes, and only from a whole list")
    func generation() throws {
        var list = VolumeList([Self.full()])
        list.record("made", EngineFixture.volume("made"))
        list.record("gone", nil)
        #expect(try VolumeList.generation(decoding: list.encoded) == 2)
        var damaged = list.encoded
        damaged[damaged.count - 1] ^= 1
        #expect(throws: DamagedRecord.self) { try VolumeList.generation(decoding: damaged) }
    }

    @Test("a refresh replaces the list; what was changed while it read is taken over, a damaged list isn't")
    func refreshedList() throws {
        let folder = try TemporaryFolder()
        let store = LiveStore(folder: folder.path, host: HostRoot(folder.path))
        let read = [EngineFixture.volume("a")]
        #expect(store.list(of: "p", refreshedTo: read, begunAt: 0) == VolumeList(read))
        var list = VolumeList(read)
        list.record("early", EngineFixture.volume("early"))
        try store.save(list, of: "p")
        #expect(store.list(of: "p", refreshedTo: read, begunAt: 1) == VolumeList(read, generation: 1))
        list.record("made", EngineFixture.volume("made"))
        try store.save(list, of: "p")
        let merged = store.list(of: "p", refreshedTo: read, begunAt: 1)
        #expect(merged.volumes.map(\.name) == ["a", "made"] && merged.generation == 2)
        try AtomicFile(folder.appending("p.vols")).write([1, 2, 3])
        #expect(store.list(of: "p", refreshedTo: read, begunAt: 2) == VolumeList(read))
    }
}
