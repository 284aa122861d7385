import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendISCSIDirect

/// Listing the units of a target that behaves as it is told.
@Suite(.timeLimit(.minutes(5))) struct ScriptedScanTests {
    static func pool(of target: ScriptedTarget) async throws -> ISCSIDirectPool {
        try await PoolFixture.pool(
            PoolFixture.definition(host: "127.0.0.1", port: target.port, target: target.name))
    }

    private func refresh(_ target: ScriptedTarget, deadline: Duration = .seconds(120)) async throws -> PoolSnapshot {
        try await Self.pool(of: target).refresh(in: PoolFixture.context(deadline: deadline))
    }

    private func units(_ numbers: some Sequence<UInt64>, capacity: UInt64 = 1 << 20) -> [UInt64: ScriptedLUN] {
        Dictionary(uniqueKeysWithValues: numbers.map { ($0, ScriptedLUN(capacity: capacity)) })
    }

    @Test func listsThousandsOfUnits() async throws {
        let target = try ScriptedTarget(luns: units(0..<1_500))
        let snapshot = try await refresh(target)
        #expect(snapshot.volumes.count == 1_500)
        #expect(snapshot.volumes.map(\.name) == (0..<1_500).map { "unit:0:0:\($0)" })
        #expect(snapshot.volumes.allSatisfy { $0.problems.isEmpty && $0.unit?.wwid?.hasPrefix("36001405a") == true })
        #expect(snapshot.capacity == ByteCount(1_500 << 20) && snapshot.available == 0)
        #expect(target.status.logins == 1 && target.status.complaints.isEmpty)
        #expect(target.status.unit(0).count(of: [.reportLUNs]) == 2)
    }

    /// L21: the number is decoded, the raw word is what goes back to the target.
    @Test func addressesUnitsAbove255() async throws {
        let target = try ScriptedTarget(luns: units([1, 255, 256, 300, 16_383]))
        let snapshot = try await refresh(target)
        #expect(snapshot.volumes.map(\.name) == [1, 255, 256, 300, 16_383].map { "unit:0:0:\($0)" })
        #expect(snapshot.volumes.allSatisfy { $0.problems.isEmpty && $0.definition.capacity == ByteCount(1 << 20) })
        let path = try #require(snapshot.volumes.first { $0.name == "unit:0:0:300" }?.path)
        #expect(path == "ip-127.0.0.1:\(target.port)-iscsi-\(target.name)-lun-300")
    }

    @Test func listsUnitsThatCannotBeAddressedWithTheirProblem() async throws {
        let target = try ScriptedTarget(luns: units([1, 20_000]))
        let snapshot = try await refresh(target)
        #expect(snapshot.volumes.map(\.name) == ["unit:0:0:1", "unit:0:0:20000"])
        #expect(snapshot.volumes[1].problems.map(\.code) == [.unsupported])
        #expect(snapshot.volumes[0].problems.isEmpty)
    }

    @Test func listsDuplicatesOnce() async throws {
        let target = try ScriptedTarget(luns: units([1, 2]))
        target.update { $0.reportedLUNs = [1, 2, 1, 1, 2].map { ScriptedTarget.LUNAddress.shortest($0) } }
        #expect(try await refresh(target).volumes.map(\.name) == ["unit:0:0:1", "unit:0:0:2"])
    }

    @Test func knowsBigAndLargeBlockedDisks() async throws {
        let target = try ScriptedTarget(luns: [
            1: ScriptedLUN(capacity: 5 << 40), 2: ScriptedLUN(capacity: 1 << 30, blockSize: 4_096),
        ])
        let volumes = try await refresh(target).volumes
        #expect(volumes[0].definition.capacity == ByteCount(5 << 40) && volumes[0].unit?.blockSize == 512)
        #expect(volumes[1].definition.capacity == ByteCount(1 << 30) && volumes[1].unit?.blockSize == 4_096)
    }

    @Test func listsWhatIsNoDisk() async throws {
        var tape = ScriptedLUN(capacity: 1 << 20)
        tape.deviceType = 0x01
        var placeholder = ScriptedLUN(capacity: 1 << 20)
        placeholder.deviceType = 0x1F
        placeholder.qualifier = 3
        let target = try ScriptedTarget(luns: [0: placeholder, 1: tape])
        let volumes = try await refresh(target).volumes
        #expect(volumes.map { $0.unit?.deviceType } == [.other, .tape])
        #expect(
            volumes.allSatisfy { $0.definition.capacity == 0 && $0.definition.allocation == 0 && $0.problems.isEmpty })
        #expect(target.status.unit(1).count(of: .readCapacity) == 0)
    }

    @Test func retriesUnitAttentionAndBusy() async throws {
        var attentive = ScriptedLUN(capacity: 1 << 20)
        attentive.faults = [.unitAttention(times: 3)]
        var busy = ScriptedLUN(capacity: 1 << 20)
        busy.faults = [.busy(times: 4)]
        var full = ScriptedLUN(capacity: 1 << 20)
        full.faults = [.taskSetFull(times: 4)]
        let target = try ScriptedTarget(luns: [1: attentive, 2: busy, 3: full])
        let volumes = try await refresh(target).volumes
        #expect(volumes.allSatisfy { $0.problems.isEmpty && $0.definition.capacity == ByteCount(1 << 20) })
    }

    /// One bad LUN is one bad LUN: libvirt fails the whole refresh.
    @Test func listsABadUnitBesideTheGoodOnes() async throws {
        var luns = units(0..<64)
        luns[7]?.faults = [.notReady()]
        luns[9]?.faults = [.mediumError(blocks: 0..<1), .unsupported(.all)]
        let target = try ScriptedTarget(luns: luns)
        let volumes = try await refresh(target).volumes
        #expect(volumes.count == 64)
        let problem = try #require(volumes[7].problems.first)
        #expect(
            problem.code == .unavailable
                && problem.message.contains("NOT READY, logical unit is becoming ready (2/04/01)"))
        #expect(problem.subject.values[.volume] == "unit:0:0:7" && problem.subject.values[.target] == target.name)
        #expect(volumes[7].unit?.wwid != nil)
        #expect(volumes[9].problems.map(\.code) == [.backendFailure])
        #expect(volumes.filter { $0.problems.isEmpty }.count == 62)
    }

    @Test func listsAUnitThatHangsBesideTheGoodOnes() async throws {
        var luns = units(0..<64)
        luns[2]?.faults = [.hang([.inquiry])]
        let target = try ScriptedTarget(luns: luns)
        let volumes = try await refresh(target, deadline: .seconds(25)).volumes
        #expect(volumes[2].problems.map(\.code) == [.timedOut])
        #expect(volumes.filter { $0.problems.isEmpty }.count == 63)
    }

    // MARK: Hostile targets

    @Test func refusesHostileVitalProductData() async throws {
        var short = ScriptedLUN(capacity: 1 << 20)
        short.rawPages[0x83] = [0, 0x83]
        var lying = ScriptedLUN(capacity: 1 << 20)
        lying.rawPages[0x83] = [0, 0x83, 0xFF, 0xFF, 1, 3, 0, 8]
        var leaving = ScriptedLUN(capacity: 1 << 20)
        leaving.designators = [.init(codeSet: 1, type: 3, bytes: [0x50, 1, 2, 3, 4, 5, 6, 7], claimedLength: 250)]
        var otherPage = ScriptedLUN(capacity: 1 << 20)
        otherPage.rawPages[0x83] = [0, 0x00, 0, 1, 0]
        let target = try ScriptedTarget(luns: [
            1: short, 2: lying, 3: leaving, 4: otherPage, 5: ScriptedLUN(capacity: 1 << 20),
        ])
        let volumes = try await refresh(target).volumes
        #expect(volumes.prefix(4).allSatisfy { $0.problems.map(\.code) == [.backendFailure] })
        #expect(volumes[4].problems.isEmpty && volumes[4].unit?.wwid != nil)
    }

    @Test func readsPagesLongerThanTheFirstAllocation() async throws {
        var unit = ScriptedLUN(capacity: 1 << 20)
        let names = (0..<20).map {
            ScriptedLUN.Designator.scsiName(Array("iqn.2013-06.com.example:port\($0)".utf8), association: 1)
        }
        unit.designators = names + [.naa([0x50, 0, 0xC5, 0, 0x15, 0xEA, 0x71, 0xAA])]
        let target = try ScriptedTarget(luns: [1: unit])
        #expect(try await refresh(target).volumes.first?.unit?.wwid == "35000c50015ea71aa")
    }

    @Test func makesDoWithoutPages() async throws {
        var serialOnly = ScriptedLUN(capacity: 1 << 20)
        serialOnly.missingPages = [0x83]
        serialOnly.serial = Array("abc 42".utf8)
        var nothing = ScriptedLUN(capacity: 1 << 20)
        nothing.missingPages = [0x80, 0x83]
        let target = try ScriptedTarget(luns: [1: serialOnly, 2: nothing])
        let volumes = try await refresh(target).volumes
        #expect(volumes[0].unit?.wwid == "SSCRIPTED_DISK_abc_42" && volumes[0].unit?.serial == "abc 42")
        #expect(volumes[1].unit?.wwid == nil && volumes[1].problems.isEmpty)
    }

    @Test(arguments: [
        ScriptedLUN.Fault.oversized(by: 4_096, for: [.inquiry]), .truncated(to: 3, for: [.inquiry]),
        .payload([UInt8](repeating: 0xFF, count: 300), for: [.serviceActionIn16]),
    ])
    func survivesWrongPayloads(_ fault: ScriptedLUN.Fault) async throws {
        var unit = ScriptedLUN(capacity: 1 << 20)
        unit.faults = [fault]
        let target = try ScriptedTarget(luns: [1: unit, 2: ScriptedLUN(capacity: 1 << 20)])
        do {
            let volumes = try await refresh(target, deadline: .seconds(20)).volumes
            #expect(!volumes[0].problems.isEmpty && volumes[1].problems.isEmpty)
        } catch let error as StorageError {
            // libiscsi drops a connection on which more comes than was asked for.
            #expect(error.code == .unavailable)
        }
    }

    @Test func neverAllocatesWhatAListClaims() async throws {
        var unit = ScriptedLUN(capacity: 1 << 20)
        unit.faults = [.payload([0xFF, 0xFF, 0xFF, 0xF8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], for: [.reportLUNs])]
        let target = try ScriptedTarget(luns: [0: unit, 1: ScriptedLUN(capacity: 1 << 20)])
        let snapshot = try await refresh(target)
        #expect(snapshot.volumes.map(\.name) == ["unit:0:0:1"])
        #expect(snapshot.problems.map(\.code) == [.unsupported])
    }

    // MARK: Windows

    @Test func respectsASmallCommandWindow() async throws {
        let target = try ScriptedTarget(luns: units(0..<100))
        target.update { $0.parameters.commandWindow = 3 }
        #expect(try await refresh(target).volumes.count == 100)
        #expect(target.status.largestOutstanding <= 4 && target.status.complaints.isEmpty)
    }

    @Test func asksManyUnitsAtOnce() async throws {
        let target = try ScriptedTarget(luns: units(0..<100))
        target.update { $0.hold = .init(untilOutstanding: 60, opcodes: [.inquiry]) }
        #expect(try await refresh(target).volumes.count == 100)
        #expect(target.status.holdsReleased == 1 && target.status.largestOutstanding >= 60)
    }
}
