import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBlockVolumes

/// What is refused before a device is opened.
@Suite struct VolumeOpeningTests {
    private let tree: HostTree
    private let fixture: TransferFixture
    private let volumes: BlockVolumes

    init() throws {
        tree = try HostTree()
        fixture = try TransferFixture()
        volumes = try BlockVolumes(host: tree.host, targetPath: "/dev")
    }

    private func code(_ volume: Volume) async -> StorageError.Code? {
        await refusal(volume)?.code
    }

    private func refusal(_ volume: Volume) async -> StorageError? {
        do throws(StorageError) {
            _ = try await volumes.wipe(volume, .zero, in: fixture.context())
            return nil
        } catch {
            return error
        }
    }

    @Test func aDeviceThatVanishedIsNotFound() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1))
        let volume = try volumes.volume(of: unit)
        try tree.remove("/sys/bus/scsi/devices/0:0:0:1")
        let error = await refusal(volume)
        #expect(error?.code == .notFound)
        #expect(error?.message == "The device of 'unit:0:0:1' is gone: refresh the pool, and look at its paths")
        #expect(error?.subject.values[.volume] == "unit:0:0:1")
    }

    @Test func aMapThatVanishedIsNotFound() async throws {
        var volume = try volumes.volume(of: try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1)))
        volume.unit?.hctl = nil
        #expect(await code(volume) == .notFound)
    }

    /// Its open might hang for as long as its transport keeps commands.
    @Test func aUnitThatIsNotRunningIsNotOpened() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", state: "blocked", naa: SCSIAnswer.naa(1))
        #expect(await code(try volumes.volume(of: unit)) == .unavailable)
    }

    /// L35: a map that queues would hold the open, and whoever waits for it.
    @Test func aMapWithoutPathsIsNotOpened() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", state: "offline", naa: SCSIAnswer.naa(1))
        let wwid = try #require(unit.wwid)
        try tree.addMap("dm-3", "253:3", called: "mpatha", uuid: "mpath-\(wwid)", on: ["sda"])
        let error = await refusal(try volumes.volume(of: unit))
        #expect(error?.code == .unavailable)
        #expect(error?.message == "The map mpatha has no path that is running")
    }

    /// A path that multipathd hasn't taken yet, or has let go, is one of its LUN all the same.
    @Test func aPathBesideTheMapOfItsLUNIsNotOpened() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1))
        try tree.addDisk("sdb", "8:16", at: "1:0:0:1", state: "offline", naa: SCSIAnswer.naa(1))
        try tree.addMap("dm-3", "253:3", called: "mpatha", uuid: "mpath-3x", on: ["sdb"])
        #expect(await refusal(try volumes.volume(of: unit))?.message == "The map mpatha has no path that is running")
    }

    /// Nothing can be asked of such a path before the first byte.
    @Test func aMapOnWhatIsNoSCSIUnitIsNotOpened() async throws {
        var volume = try volumes.volume(of: try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1)))
        volume.unit?.hctl = nil
        volume.unit?.wwid = "3x"
        try tree.addBlockDevice("ram0", "1:0")
        try tree.addMap("dm-3", "253:3", called: "mpatha", uuid: "mpath-3x", on: ["ram0"])
        #expect(await refusal(volume)?.code == .unsupported)
    }

    @Test func aMapThatSaysNotWhoseItIsIsNotOpened() async throws {
        var volume = try volumes.volume(of: try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1)))
        volume.unit?.hctl = nil
        volume.definition.name = "dm-3"
        try tree.addMap("dm-3", "253:3", called: "byhand", uuid: "", on: ["sda"])
        let error = await refusal(volume)
        #expect(error?.code == .invalidState)
        #expect(error?.message.contains("The map byhand doesn't say whose it is") == true)
    }

    @Test func rangesOutsideAreRefusedBeforeAnythingElse() async throws {
        let volume = try volumes.volume(of: try tree.addDisk("sda", "8:0", at: "0:0:0:1"))
        for (offset, length) in [(1 << 20 + 1, nil), (0, 1 << 20 + 1), (UInt64.max, 2)] as [(UInt64, UInt64?)] {
            let transfer = TransferRequest(offset: ByteCount(offset), length: length.map { ByteCount($0) })
            #expect(throws: StorageError.self) { _ = try transfer.room(inUnit: volume) }
        }
        #expect(try TransferRequest(offset: 1).room(inUnit: volume) == 1 << 20 - 1)
    }

    @Test func aCDROMIsNotWritten() async throws {
        var volume = try volumes.volume(of: try tree.addDisk("sda", "8:0", at: "0:0:0:1"))
        volume.unit?.deviceType = .cdrom
        #expect(await code(volume) == .invalidState)
    }

    // MARK: Listed and live

    private func check(
        _ unit: SCSIUnit, naa: UInt8? = 1, serial: String? = "A", change: (inout Volume) -> Void = { _ in }
    ) async throws -> StorageError? {
        var volume = try volumes.volume(of: unit)
        change(&volume)
        let interview = ScriptedInterview()
        try interview.answer(unit, naa: naa.map(SCSIAnswer.naa), serial: serial)
        let live = try await interview.ask(unit, until: .after(.seconds(60)))
        do throws(StorageError) {
            try ListedIdentity.check(volume, unit, live)
            return nil
        } catch {
            return error
        }
    }

    @Test func whatWasListedMustBeWhatIsThere() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1), serial: "A")
        #expect(try await check(unit) == nil)
        // Any of its names will do: another program may have taken another designator for the best (L03).
        #expect(try await check(unit) { $0.unit?.wwid = "SSANCTL_DISK_A" } == nil)
        let changes: [(String, (inout Volume) -> Void)] = [
            ("WWID", { $0.unit?.wwid = "36001405a000000000000000000000002" }),
            ("WWID", { $0.unit?.wwid = nil }),
            ("serial number", { $0.unit?.serial = "B" }),
            ("type", { $0.unit?.deviceType = .tape }),
            ("size", { $0.definition.capacity = 4096 }),
            ("block size", { $0.unit?.blockSize = 4096 }),
        ]
        for (what, change) in changes {
            let error = try await check(unit, change: change)
            #expect(error?.code == .invalidState)
            #expect(error?.message.contains("its \(what) was") == true)
        }
        #expect(try await check(unit, naa: 2)?.code == .invalidState)
    }

    /// Units without any identity are told apart by what else there is.
    @Test func aUnitWithoutIdentityIsComparedByTheRest() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1")
        #expect(try await check(unit, naa: nil, serial: nil) == nil)
        #expect(try await check(unit, naa: nil, serial: nil) { $0.unit?.product = "OTHER" }?.code == .invalidState)
        #expect(try await check(unit, naa: 1, serial: nil)?.code == .invalidState)
    }
}
