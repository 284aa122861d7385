import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBlockVolumes

/// What a refresh says of units that aren't what they seem.
@Suite struct CheckedVolumesTests {
    private let tree: HostTree
    private let interview = ScriptedInterview()
    private let volumes: BlockVolumes

    init() throws {
        tree = try HostTree()
        volumes = try BlockVolumes(host: tree.host, targetPath: "/dev", interview: interview)
    }

    private func refresh(among others: [SCSIUnit] = []) async throws -> [Volume] {
        let units = try SCSIUnit.all(on: tree.host).filter { unit in !others.contains { $0.hctl == unit.hctl } }
        return try await volumes.checkedVolumes(of: units, among: others, until: .after(.seconds(60)))
    }

    @Test func aUnitThatIsWhatItWasHasNoProblem() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1), serial: "A")
        try interview.answer(unit, naa: SCSIAnswer.naa(1), serial: "A")
        #expect(try await refresh().map(\.problems) == [[]])
        #expect(interview.asked == [unit.hctl])
    }

    /// L01: the LUN number means another LUN now.
    @Test func staleIdentityIsTheProblemOfThatVolume() async throws {
        let stale = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1))
        let good = try tree.addDisk("sdb", "8:16", at: "0:0:0:2", naa: SCSIAnswer.naa(2))
        try interview.answer(stale, naa: SCSIAnswer.naa(9))
        try interview.answer(good, naa: SCSIAnswer.naa(2))
        let found = try await refresh()
        #expect(found.map(\.name) == ["unit:0:0:1", "unit:0:0:2"])
        #expect(found[1].problems.isEmpty)
        let problem = try #require(found[0].problems.first)
        #expect(found[0].problems.count == 1)
        #expect(problem.code == .invalidState)
        #expect(problem.message.contains("another unit than the kernel's data of it say: the NAA designator was"))
        #expect(problem.message.contains("echo 1 > /sys/block/sda/device/delete"))
        #expect(problem.subject.values[.volume] == "unit:0:0:1")
    }

    @Test func aSizeThatTheKernelHasNotNoticedIsAProblem() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1))
        try interview.answer(unit, naa: SCSIAnswer.naa(1), bytes: 2 << 20)
        let problem = try #require(try await refresh().first?.problems.first)
        #expect(problem.message.contains("an old size of 0:0:0:1 (sda): the size was '1048576' and is '2097152'"))
    }

    @Test func aUnitThatRefusesIsItsOwnProblem() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1))
        interview.answer(unit, .failure(StorageError(.timedOut, "Waited in vain for an answer of 0:0:0:1 (sda)")))
        #expect(try await refresh().first?.problems.map(\.code) == [.timedOut])
    }

    @Test func whatCannotBeAskedIsListedAsSysfsHasIt() async throws {
        let running = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1))
        try tree.addDisk("sdb", "8:16", at: "0:0:0:2", state: "offline", naa: SCSIAnswer.naa(2))
        interview.answer(running, .failure(StorageError(.permissionDenied, "Can't open /dev/sda")))
        let found = try await refresh()
        #expect(found[0].problems.isEmpty)
        #expect(found[1].problems.map(\.code) == [.unavailable])
        #expect(interview.asked == [running.hctl])
    }

    /// A host of files has no nodes: with the real interview nothing is known to be wrong.
    @Test func aMissingNodeIsNoProblem() async throws {
        let unit = try tree.addDisk("sda", "8:0", at: "0:0:0:1", naa: SCSIAnswer.naa(1))
        let real = try BlockVolumes(host: tree.host, targetPath: "/dev")
        let found = try await real.checkedVolumes(of: [unit], until: .after(.seconds(60)))
        #expect(found.map(\.problems) == [[]])
    }

    // MARK: One WWID

    private func codes() async throws -> [[StorageError.Code]] { try await refresh().map { $0.problems.map(\.code) } }

    private func add(
        _ name: String, _ number: String, _ hctl: String, bytes: UInt64 = 1 << 20, product: String = "DISK"
    ) throws {
        let unit = try tree.addDisk(name, number, at: hctl, bytes: bytes, product: product, naa: SCSIAnswer.naa(1))
        try interview.answer(unit, naa: SCSIAnswer.naa(1), bytes: bytes, product: product)
    }

    /// L04: LIO gives one WWID to two LUNs whose serial numbers begin alike.
    @Test func twoLUNsOfOnePortWithOneWWIDAreBothRefused() async throws {
        try add("sda", "8:0", "0:0:0:1")
        try add("sdb", "8:16", "0:0:0:2")
        #expect(try await codes() == [[.invalidState], [.invalidState]])
        let message = try #require(try await refresh().first?.problems.first?.message)
        #expect(message.contains("0:0:0:1, 0:0:0:2 have one WWID"))
        #expect(message.contains("are LUNs 1 and 2 of one port"))
    }

    /// The same LUN over two sessions is one unit with two paths (L10).
    @Test func pathsAreNoProblem() async throws {
        try add("sda", "8:0", "3:0:0:1")
        try add("sdb", "8:16", "4:0:0:1")
        #expect(try await codes() == [[], []])
    }

    @Test func oneWWIDWithTwoSizesOrProductsIsRefused() async throws {
        try add("sda", "8:0", "3:0:0:1")
        try add("sdb", "8:16", "4:0:0:1", bytes: 2 << 20)
        #expect(try await codes() == [[.invalidState], [.invalidState]])
        try add("sdb", "8:16", "4:0:0:1", product: "OTHER")
        #expect(try await refresh().first?.problems.first?.message.contains("differ in their product") == true)
    }

    /// An iSCSI target's port is the same one over any session.
    @Test func theSamePortOverTwoSessionsIsOnePort() async throws {
        for (host, lun, name, number) in [(3, 1, "sda", "8:0"), (4, 2, "sdb", "8:16")] {
            let parent = "/sys/devices/platform/host\(host)/session\(host)"
            let unit = try tree.addDisk(
                name, number, at: "\(host):0:0:\(lun)", naa: SCSIAnswer.naa(1), below: parent)
            try interview.answer(unit, naa: SCSIAnswer.naa(1))
            try tree.write("/sys/class/iscsi_session/session\(host)/targetname", "iqn.2013-06.com.example:t")
            try tree.write("/sys/class/iscsi_session/session\(host)/tpgt", "1")
        }
        #expect(try await codes() == [[.invalidState], [.invalidState]])
        // Another portal group may number its LUNs as it likes.
        try tree.write("/sys/class/iscsi_session/session4/tpgt", "2")
        #expect(try await codes() == [[], []])
    }

    /// An array gives each initiator its own numbers: an HBA and a vHBA on it see one LUN as 0 and as 7 (L10).
    @Test func numbersAreTheInitiators() async throws {
        for (host, lun, name, number) in [(8, 0, "sda", "8:0"), (10, 7, "sdb", "8:16")] {
            try add(name, number, "\(host):0:0:\(lun)")
            let target = "/sys/devices/platform/host\(host)/target\(host):0:0/fc_transport/target\(host):0:0"
            try tree.write("\(target)/port_name", "0x2000525400fc0101")
            try tree.link("/sys/class/fc_transport/target\(host):0:0", to: target)
            let port = "/sys/devices/platform/host\(host)/fc_host/host\(host)"
            try tree.write("\(port)/port_name", "0x500143800000000\(host % 8)")
            try tree.link("/sys/class/fc_host/host\(host)", to: port)
        }
        #expect(try await codes() == [[], []])
        // Two numbers that one port gives to one initiator are two LUNs.
        try add("sdb", "8:16", "8:0:0:7")
        try tree.remove("/sys/bus/scsi/devices/10:0:0:7")
        #expect(try await codes() == [[.invalidState], [.invalidState]])
    }

    @Test func unitsOfOtherPoolsCount() async throws {
        try add("sda", "8:0", "3:0:0:1")
        try add("sdb", "8:16", "4:0:0:1", bytes: 2 << 20)
        let found = try await refresh(among: [try tree.unit("4:0:0:1")])
        #expect(found.map { $0.problems.map(\.code) } == [[.invalidState]])
    }
}
