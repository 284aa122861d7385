import SANEngine
import SANModel
import SANTestSupport
import Synchronization
import SystemPackage
import Testing

@testable import SANBackendISCSIDirect

/// Transfers to and from a target that behaves as it is told.
@Suite(.timeLimit(.minutes(5))) struct ScriptedTransferTests {
    private static let size = 8 << 20
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private struct Ready {
        var target: ScriptedTarget
        var pool: ISCSIDirectPool
        var volume: Volume
    }

    private func ready(
        _ unit: ScriptedLUN = ScriptedLUN(capacity: UInt64(size)),
        _ change: (inout ScriptedTarget.Script) -> Void = { _ in }
    ) async throws -> Ready {
        let target = try ScriptedTarget(luns: [1: unit])
        let pool = try await ScriptedScanTests.pool(of: target)
        let volume = try #require(try await pool.refresh(in: PoolFixture.context()).volumes.first)
        target.update(change)
        return Ready(target: target, pool: pool, volume: volume)
    }

    private func source(_ bytes: [UInt8]) throws -> DataEnd {
        try LocalEnds.write(bytes, to: folder.appending("source"))
        return try LocalEnds.reading(folder.appending("source"))
    }

    private func upload(
        _ ready: Ready, _ bytes: [UInt8], _ request: TransferRequest = TransferRequest(),
        _ context: OperationContext = PoolFixture.context()
    ) async throws -> TransferSummary {
        try await ready.pool.upload(source(bytes), to: ready.volume, request, in: context)
    }

    private func contents(_ ready: Ready, _ range: Range<Int>) throws -> [UInt8] {
        try ready.target.contents(lun: 1).read(at: UInt64(range.lowerBound), count: range.count)
    }

    private func safeBytes(_ error: StorageError?) throws -> Int {
        let words = try #require(error).message.split(separator: " ")
        let index = try #require(words.firstIndex(of: "safe"))
        return try #require(Int(words[index - 3]))
    }

    // MARK: Upload

    @Test func uploadsWithSeveralCommandsUnderWay() async throws {
        let ready = try await ready { $0.hold = .init(untilOutstanding: 8, opcodes: .writes) }
        let bytes = LocalEnds.pattern(Self.size)
        let summary = try await upload(ready, bytes)
        #expect(summary == TransferSummary(bytes: ByteCount(UInt64(Self.size)), moved: ByteCount(UInt64(Self.size))))
        #expect(try contents(ready, 0..<Self.size) == bytes)
        let status = ready.target.status
        #expect(status.holdsReleased == 1 && status.complaints.isEmpty)
        #expect(status.unit(1).opcodes.last == .synchronizeCache10)
        #expect(status.logouts == status.logins)
    }

    @Test(arguments: [1, 2, 5])
    func copesWithSmallWindows(_ window: Int) async throws {
        let ready = try await ready { script in
            script.parameters.commandWindow = window
            script.parameters.firstBurstLength = 512
            script.parameters.maxBurstLength = 8_192
            script.parameters.maxReceiveDataSegmentLength = 4_096
        }
        let bytes = LocalEnds.pattern(2 << 20)
        _ = try await upload(ready, bytes)
        #expect(try contents(ready, 0..<bytes.count) == bytes)
        #expect(ready.target.status.complaints.isEmpty)
    }

    /// What a target wants to be asked for first, and what may go along with the command: libiscsi 1.19 has traps here.
    @Test(arguments: [(false, true), (true, true), (true, false), (false, false)])
    func sendsDataAsTheTargetWantsIt(initialR2T: Bool, immediateData: Bool) async throws {
        let ready = try await ready { script in
            script.parameters.initialR2T = initialR2T
            script.parameters.immediateData = immediateData
            script.parameters.maxBurstLength = 65_536
        }
        let bytes = LocalEnds.pattern(3 << 20)
        _ = try await upload(ready, bytes)
        #expect(try contents(ready, 0..<bytes.count) == bytes)
        #expect(ready.target.status.complaints.isEmpty)
    }

    @Test func respectsTheTransferLimitAndLargeBlocks() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size), blockSize: 4_096)
        unit.maximumTransferBlocks = 3
        let ready = try await ready(unit)
        let bytes = LocalEnds.pattern(1_000_001)
        _ = try await upload(ready, bytes, TransferRequest(offset: 4_097))
        #expect(try contents(ready, 4_097..<1_004_098) == bytes)
        let writes = ready.target.status.unit(1).commands.filter { $0[0] == 0x8A }
        #expect(writes.allSatisfy { $0[13] <= 3 && $0[10...12].allSatisfy { $0 == 0 } } && writes.count > 80)
    }

    @Test func retriesWritesAfterUnitAttention() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.faults = [
            .init(.checkCondition(.powerOnReset), opcodes: .writes, times: 3, skipping: 5),
            .taskSetFull(times: 5, opcodes: .writes),
        ]
        let ready = try await ready(unit)
        let bytes = LocalEnds.pattern(Self.size)
        _ = try await upload(ready, bytes)
        #expect(try contents(ready, 0..<Self.size) == bytes)
    }

    /// The block at the end is read while writes are under way: their answers come in one round with its own.
    @Test func readsTheLastBlockWhileWritesAreUnderWay() async throws {
        let old = LocalEnds.pattern(Self.size, salt: 77)
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.contents.write(old, at: 0)
        let ready = try await ready(unit) { script in
            script.hold = .init(untilOutstanding: 4, opcodes: .readsAndWrites)
            script.answerOrder = .reversed
        }
        let bytes = LocalEnds.pattern((768 << 10) + 1)
        let summary = try await upload(ready, bytes)
        #expect(summary.bytes == ByteCount(UInt64(bytes.count)) && ready.target.status.holdsReleased == 1)
        #expect(try contents(ready, 0..<Self.size) == bytes + old[bytes.count...])
    }

    // MARK: Identity (L01)

    @Test(arguments: ["wwid", "capacity", "serial"])
    func refusesAnotherUnit(_ what: String) async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        if what == "serial" { unit.missingPages = [0x83] }
        let ready = try await ready(unit) { script in
            switch what {
            case "wwid": script.luns[1]?.designators = [.naa([0x50, 0, 0xC5, 0, 0x15, 0xEA, 0x71, 0xAA])]
            case "capacity": script.luns[1]?.blockCount += 8
            default: script.luns[1]?.serial = Array("another".utf8)
            }
        }
        let error = await #expect(throws: StorageError.self) { try await upload(ready, LocalEnds.pattern(512)) }
        #expect(error?.code == .invalidState && error?.message.contains("refresh the pool") == true)
        let wiped = await #expect(throws: StorageError.self) {
            try await ready.pool.wipe(ready.volume, .zero, in: PoolFixture.context())
        }
        #expect(wiped?.code == .invalidState)
        #expect(ready.target.status.unit(1).bytesWritten == 0)
    }

    @Test func writesToAUnitWithoutIdentityOnlyWhileItLooksTheSame() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.missingPages = [0x80, 0x83]
        let ready = try await ready(unit)
        _ = try await upload(ready, LocalEnds.pattern(512))
        try ready.target.update(lun: 1) { $0.product = Array("OTHER DISK".utf8) }
        let error = await #expect(throws: StorageError.self) { try await upload(ready, LocalEnds.pattern(512)) }
        #expect(error?.code == .invalidState)
    }

    @Test func stopsWhenTheUnitBecomesAnotherInTheMiddle() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.faults = [.init(.checkCondition(.inquiryDataChanged), opcodes: .writes, times: 1, skipping: 3)]
        let ready = try await ready(unit) { $0.hold = .init(untilOutstanding: 9, opcodes: .writes) }
        let target = ready.target
        let change = Task {
            try await target.waitUntil("all writes that may be under way") { $0.commandsOutstanding == 8 }
            target.update { script in
                script.luns[1]?.designators = [.naa([0x50, 0, 0xC5, 0, 0x15, 0xEA, 0x71, 0xAA])]
                script.hold = nil
            }
        }
        let error = await #expect(throws: StorageError.self) { try await upload(ready, LocalEnds.pattern(Self.size)) }
        try await change.value
        #expect(error?.code == .invalidState)
        #expect(try safeBytes(error) == 3 * 256 << 10)
        #expect(ready.target.status.unit(1).bytesWritten == 7 * 256 << 10)
    }

    @Test func goesOnWhenNothingHasChangedAfterAll() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.faults = [.init(.checkCondition(.reportedLUNsChanged), opcodes: .writes, times: 2, skipping: 10)]
        let ready = try await ready(unit)
        let bytes = LocalEnds.pattern(Self.size)
        _ = try await upload(ready, bytes)
        #expect(try contents(ready, 0..<Self.size) == bytes)
        #expect(ready.target.status.unit(1).count(of: [.inquiry]) > 8)
    }

    // MARK: Bounds

    @Test func refusesASourceThatIsTooLongBeforeWriting() async throws {
        let ready = try await ready()
        let error = await #expect(throws: StorageError.self) {
            try await upload(
                ready, LocalEnds.pattern(1_024), TransferRequest(offset: ByteCount(UInt64(Self.size - 512))))
        }
        #expect(error?.code == .invalidArgument)
        let outside = await #expect(throws: StorageError.self) {
            try await upload(ready, LocalEnds.pattern(1), TransferRequest(offset: ByteCount(UInt64(Self.size + 1))))
        }
        #expect(outside?.code == .invalidArgument)
        #expect(ready.target.status.unit(1).bytesWritten == 0)
    }

    @Test func uploadsAPipeAndSaysWhatIsSafeWhereItIsTooLong() async throws {
        let ready = try await ready()
        let bytes = LocalEnds.pattern(1_000_000)
        let summary = try await Pipes.feeding(bytes) { end in
            try await ready.pool.upload(end, to: ready.volume, TransferRequest(offset: 700), in: PoolFixture.context())
        }
        #expect(summary.bytes == 1_000_000)
        #expect(try contents(ready, 700..<1_000_700) == bytes)

        let error = await #expect(throws: StorageError.self) {
            try await Pipes.feeding(LocalEnds.pattern(Self.size + 1)) { end in
                try await ready.pool.upload(end, to: ready.volume, TransferRequest(), in: PoolFixture.context())
            }
        }
        #expect(error?.code == .invalidArgument)
        #expect(try safeBytes(error) == Self.size)
    }

    // MARK: Sparse

    @Test func leavesZerosOut() async throws {
        let ready = try await ready()
        try ready.target.update(lun: 1) { $0.contents.write(LocalEnds.pattern(Self.size, salt: 77), at: 0) }
        var bytes = [UInt8](repeating: 0, count: Self.size)
        bytes.replaceSubrange(3_000_000..<3_300_000, with: LocalEnds.pattern(300_000))
        let summary = try await upload(ready, bytes, TransferRequest(isSparse: true))
        #expect(summary.bytes == ByteCount(UInt64(Self.size)) && summary.moved < ByteCount(1 << 20))
        #expect(try contents(ready, 0..<Self.size) == bytes)
        #expect(ready.target.status.unit(1).blocksUnmapped > 0)
    }

    @Test func writesZerosWhereTheUnitHasNoWriteSame() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.isThin = false
        unit.faults = [.unsupported([.writeSame16, .unmap])]
        unit.contents.write(LocalEnds.pattern(Self.size, salt: 77), at: 0)
        let ready = try await ready(unit)
        var bytes = [UInt8](repeating: 0, count: Self.size)
        for start in stride(from: 0, to: Self.size, by: 1 << 20) {
            bytes.replaceSubrange(start + 300_000..<start + 300_100, with: LocalEnds.pattern(100))
        }
        _ = try await upload(ready, bytes, TransferRequest(isSparse: true))
        #expect(try contents(ready, 0..<Self.size) == bytes)
        _ = try await ready.pool.wipe(ready.volume, .zero, in: PoolFixture.context())
        #expect(try contents(ready, 0..<Self.size).allSatisfy { $0 == 0 })
    }

    @Test func findsTheHolesOfASparseFile() async throws {
        let ready = try await ready()
        try ready.target.update(lun: 1) { $0.contents.write(LocalEnds.pattern(Self.size, salt: 77), at: 0) }
        let path = folder.appending("holes")
        let file = try FileDescriptor.open(path, .readWrite, options: .create, permissions: .ownerReadWrite)
        let data = LocalEnds.pattern(100_000)
        _ = try file.writeAll(toAbsoluteOffset: 5_000_000, data)
        try file.resize(to: 7_000_001)
        let end = DataEnd(descriptor: file, isSeekable: true, name: path.string)
        let summary = try await ready.pool.upload(
            end, to: ready.volume, TransferRequest(offset: 1_024, isSparse: true), in: PoolFixture.context())
        try file.close()
        #expect(summary.bytes == 7_000_001)
        var expected = [UInt8](repeating: 0, count: 7_000_001)
        expected.replaceSubrange(5_000_000..<5_100_000, with: data)
        #expect(try contents(ready, 1_024..<7_001_025) == expected)
        #expect(
            try contents(ready, 7_001_025..<7_001_100)
                == Array(LocalEnds.pattern(Self.size, salt: 77)[7_001_025..<7_001_100]))
    }

    @Test func makesHolesInASink() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.contents.write(LocalEnds.pattern(10_000), at: 2_000_000)
        let ready = try await ready(unit)
        let sink = folder.appending("sink")
        let summary = try await ready.pool.download(
            ready.volume, to: LocalEnds.writing(sink), TransferRequest(isSparse: true), in: PoolFixture.context())
        #expect(summary.bytes == ByteCount(UInt64(Self.size)) && summary.moved < 20_000)
        let bytes = try LocalEnds.read(sink)
        #expect(try contents(ready, 0..<Self.size) == bytes)
    }

    @Test func overwritesOldDataOfASparseSink() async throws {
        let ready = try await ready()
        let sink = folder.appending("sink")
        try LocalEnds.write(LocalEnds.pattern(1 << 20), to: sink)
        let file = try FileDescriptor.open(sink, .readWrite)
        let end = DataEnd(descriptor: file, isSeekable: true, name: "sink")
        _ = try await ready.pool.download(
            ready.volume, to: end, TransferRequest(isSparse: true), in: PoolFixture.context())
        try file.close()
        let bytes = try LocalEnds.read(sink)
        #expect(bytes.count == Self.size && bytes.allSatisfy { $0 == 0 })
    }

    // MARK: Download

    @Test func downloadsWhateverTheOrderOfTheAnswers() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        let bytes = LocalEnds.pattern(Self.size)
        unit.contents.write(bytes, at: 0)
        let ready = try await ready(unit) { script in
            script.hold = .init(untilOutstanding: 8, opcodes: .reads)
            script.answerOrder = .reversed
        }
        let piped = try await Pipes.collecting { end in
            try await ready.pool.download(ready.volume, to: end, TransferRequest(), in: PoolFixture.context())
        }
        #expect(piped == bytes)
        #expect(ready.target.status.answersOutOfOrder > 0)
        let sink = folder.appending("sink")
        _ = try await ready.pool.download(
            ready.volume, to: LocalEnds.writing(sink), TransferRequest(offset: 3, length: 5_000_000),
            in: PoolFixture.context())
        #expect(try LocalEnds.read(sink) == Array(bytes[3..<5_000_003]))
    }

    @Test func failsWhereNobodyReadsThePipe() async throws {
        let ready = try await ready()
        let (reading, writing) = try FileDescriptor.pipe()
        try reading.close()
        let end = DataEnd(descriptor: writing, isSeekable: false, name: "pipe")
        let error = await #expect(throws: StorageError.self) {
            try await ready.pool.download(ready.volume, to: end, TransferRequest(), in: PoolFixture.context())
        }
        try writing.close()
        #expect(error?.code == .hostFailure)
    }

    @Test func failsOnAReadError() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.faults = [.mediumError(blocks: 10_000..<10_001)]
        let ready = try await ready(unit)
        let error = await #expect(throws: StorageError.self) {
            try await ready.pool.download(
                ready.volume, to: LocalEnds.writing(folder.appending("sink")), TransferRequest(),
                in: PoolFixture.context())
        }
        #expect(error?.code == .backendFailure && error?.message.contains("MEDIUM ERROR") == true)
    }

    // MARK: Ends

    @Test(arguments: [ScriptedTarget.Ending.close, .reset])
    func saysWhatIsSafeWhenTheConnectionIsLost(_ ending: ScriptedTarget.Ending) async throws {
        let ready = try await ready { $0.connectionFaults = [.init(.writeData(3_000_000), ending)] }
        let bytes = LocalEnds.pattern(Self.size)
        let error = await #expect(throws: StorageError.self) { try await upload(ready, bytes) }
        #expect(error?.code == .unavailable)
        let safe = try safeBytes(error)
        #expect(safe <= 3_000_000)
        #expect(try contents(ready, 0..<safe) == Array(bytes[0..<safe]))
        _ = try await upload(ready, bytes)
        #expect(try contents(ready, 0..<Self.size) == bytes)
    }

    @Test func endsAtItsPatienceWhenTheTargetHangs() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.faults = [.init(.hang, opcodes: .writes, skipping: 10)]
        let ready = try await ready(unit)
        let error = await #expect(throws: StorageError.self) {
            try await upload(
                ready, LocalEnds.pattern(Self.size), TransferRequest(), PoolFixture.context(patience: .seconds(5)))
        }
        #expect(error?.code == .timedOut && error?.message.contains("WRITE(16) of LUN 1") == true)
        #expect(try safeBytes(error) == 10 * 256 << 10)
    }

    @Test func stopsCleanlyWhenCancelled() async throws {
        let ready = try await ready()
        let (reading, writing) = try FileDescriptor.pipe()
        let bytes = LocalEnds.pattern(1 << 20)
        let pool = ready.pool
        let volume = ready.volume
        let task = Task {
            try await pool.upload(
                DataEnd(descriptor: reading, isSeekable: false, name: "pipe"), to: volume, TransferRequest(),
                in: PoolFixture.context())
        }
        try await Pipes.write(bytes, to: writing)
        try await ready.target.waitUntil("the writes") { $0.unit(1).bytesWritten == 1 << 20 }
        task.cancel()
        let error = await #expect(throws: StorageError.self) { try await task.value }
        try writing.close()
        try reading.close()
        #expect(error?.code == .cancelled)
        #expect(try safeBytes(error) == 1 << 20)
        try await ready.target.waitUntil("the logout") { $0.logouts == $0.logins }
        #expect(ready.target.status.unit(1).opcodes.last == .synchronizeCache10)
        #expect(try contents(ready, 0..<bytes.count) == bytes)
    }

    @Test func failsWhereTheUnitIsWriteProtected() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.isWriteProtected = true
        let ready = try await ready(unit)
        let error = await #expect(throws: StorageError.self) { try await upload(ready, LocalEnds.pattern(Self.size)) }
        #expect(error?.code == .permissionDenied)
        #expect(try safeBytes(error) == 0)
    }

    // MARK: Wipe

    @Test func trimsInPieces() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.maximumUnmapBlocks = 1_000
        unit.unmapGranularity = 16
        unit.contents.write(LocalEnds.pattern(Self.size), at: 0)
        let ready = try await ready(unit)
        _ = try await ready.pool.wipe(ready.volume, .trim, in: PoolFixture.context())
        #expect(try contents(ready, 0..<Self.size).allSatisfy { $0 == 0 })
        let unmaps = ready.target.status.unit(1).count(of: [.unmap])
        #expect(unmaps == (Self.size / 512 + 991) / 992 && ready.target.status.unit(1).bytesWritten == 0)
    }

    @Test func refusesToTrimAThickUnit() async throws {
        var unit = ScriptedLUN(capacity: UInt64(Self.size))
        unit.isThin = false
        let ready = try await ready(unit)
        let error = await #expect(throws: StorageError.self) {
            try await ready.pool.wipe(ready.volume, .trim, in: PoolFixture.context())
        }
        #expect(error?.code == .unsupported)
    }

    @Test func noticesAUnitThatKeepsOldData() async throws {
        let ready = try await ready { script in
            let stale = ScriptedLUN.Fault.payload(LocalEnds.pattern(512), for: .reads, times: 1)
            script.luns[1]?.faults = [stale]
        }
        let error = await #expect(throws: StorageError.self) {
            try await ready.pool.wipe(ready.volume, .nnsa, in: PoolFixture.context())
        }
        #expect(error?.code == .backendFailure)
    }

    @Test func reportsProgress() async throws {
        let recorder = ProgressRecorder()
        let ready = try await ready()
        _ = try await upload(
            ready, LocalEnds.pattern(Self.size), TransferRequest(), PoolFixture.context(progress: recorder))
        let seen = recorder.seen
        #expect(seen.last == UInt64(Self.size) && seen == seen.sorted() && seen.count > 2)
    }
}
