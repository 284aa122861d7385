import SANModel
import Testing

@testable import SANEngine

@Suite("Order, resize rules, undo")
struct ValueTests {
    @Test("names are sorted the way people count")
    func naturalOrder() {
        let sorted = [
            "", "a", "a01", "a1", "a2", "a10", "a10b", "b", "unit:0:0:2", "unit:0:0:10", "unit:0:1:0",
            "v99999999999999999999998", "v99999999999999999999999", "v100000000000000000000000", "ü",
        ]
        #expect(sorted.shuffled().sorted { $0.precedesNaturally($1) } == sorted)
        for (index, left) in sorted.enumerated() {
            for (other, right) in sorted.enumerated() {
                #expect(left.precedesNaturally(right) == (index < other), "\(left) and \(right)")
            }
        }
    }

    private func capacity(
        _ given: ByteCount, capacity: ByteCount = 100, allocation: ByteCount = 50, available: ByteCount? = 30,
        isDelta: Bool = false, allowsShrink: Bool = false, allocates: Bool = false, isUncounted: Bool = false
    ) throws(StorageError) -> ByteCount {
        var volume = VolumeDefinition(name: "v", capacity: capacity)
        volume.allocation = allocation
        return try ResizeRules(
            volume: volume, available: available, isDelta: isDelta, allowsShrink: allowsShrink, allocates: allocates,
            isUncounted: isUncounted
        ).capacity(for: given)
    }

    @Test("growing, to a size and by one")
    func grow() throws {
        #expect(try capacity(150) == 150)
        #expect(try capacity(20, isDelta: true) == 120)
        #expect(try capacity(130, allocates: true) == 130)
        #expect(throws: StorageError.self) { try capacity(131, allocates: true) }
        #expect(throws: StorageError.self) { try capacity(ByteCount(.max), isDelta: true) }
    }

    @Test("shrinking needs the flag, ends at what is allocated, and a delta is taken away, down to zero")
    func shrink() throws {
        #expect(try capacity(60, allowsShrink: true) == 60)
        #expect(try capacity(30, isDelta: true, allowsShrink: true) == 70)
        #expect(try capacity(500, allocation: 0, isDelta: true, allowsShrink: true) == 0)
        // libvirt's order: the allocation is looked at before the flag.
        let below = #expect(throws: StorageError.self) { try capacity(40) }
        #expect(below?.message.hasPrefix("Can't shrink capacity below existing allocation (50 bytes): discard") == true)
        let unasked = #expect(throws: StorageError.self) { try capacity(60) }
        #expect(
            unasked?.message.hasPrefix(
                "Can't shrink capacity below current capacity (100 bytes) unless shrink flag explicitly specified: --shrink"
            ) == true)
        #expect(throws: StorageError.self) { try capacity(40, allowsShrink: true) }
        // An image without an object map shows its capacity, and could never be cut; one that is full has it counted.
        #expect(try capacity(40, allocation: 100, allowsShrink: true, isUncounted: true) == 40)
        #expect(throws: StorageError.self) { try capacity(40, allocation: 100, isUncounted: true) }
        #expect(throws: StorageError.self) { try capacity(40, allocation: 100, allowsShrink: true) }
    }

    @Test(
        "with the whole trash goes what users have put there, and its time has come; mirroring's and migration's never")
    func purge() {
        let now = Timestamp(seconds: 1_000)
        func goes(_ source: String?, _ keptUntil: Int64?, isForced: Bool = false) -> Bool {
            var trashed = TrashedVolume(id: "1", name: "v")
            trashed.source = source
            trashed.keptUntil = keptUntil.map { Timestamp(seconds: $0) }
            return trashed.goesWithAll(isForced: isForced, at: now)
        }
        #expect(goes("user", 999) && goes("user", 1_000) && goes("user", nil))
        #expect(!goes("user", 1_001) && goes("user", 1_001, isForced: true))
        for other in ["mirroring", "migration", "removing", nil] {
            #expect(!goes(other, 0) && !goes(other, 0, isForced: true))
        }
    }

    @Test("steps are taken back last first, all of them, and failures are told beside the original error")
    func undo() async {
        let log = Log()
        var undo = UndoList()
        for step in 1...3 {
            undo.append { () async throws(StorageError) in
                log.add("\(step)")
                if step != 1 { throw StorageError(.hostFailure, "undo \(step)") }
            }
        }
        let (error, failures) = await undo.run(after: StorageError(.backendFailure, "original"))
        #expect(log.entries == ["3", "2", "1"])
        #expect(error.code == .backendFailure && error.message == "original")
        #expect(error.causes.map(\.message) == ["undo 3", "undo 2"])
        #expect(failures == error.causes)
    }

    @Test("undo goes on when the caller is cancelled")
    func shieldedUndo() async {
        let task = Task {
            var undo = UndoList()
            undo.append { () async throws(StorageError) in
                if Task.isCancelled { throw StorageError(.cancelled, "not shielded") }
            }
            while !Task.isCancelled { await Task.yield() }
            return await undo.run(after: StorageError(.cancelled, "original")).failures
        }
        task.cancel()
        #expect(await task.value.isEmpty)
    }
}
