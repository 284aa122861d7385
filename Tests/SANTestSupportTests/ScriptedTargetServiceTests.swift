import SANTestSupport
import Testing

@Suite struct ScriptedTargetServiceTests {
    private static let pattern = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) }

    func target(
        _ unit: ScriptedLUN = ScriptedLUN(capacity: 64 << 20),
        _ change: (inout ScriptedTarget.Script) -> Void = { _ in }
    ) throws -> ScriptedTarget {
        var script = ScriptedTarget.Script(luns: [1: unit])
        change(&script)
        return try ScriptedTarget(script: script)
    }

    /// A piece of unit 1 for `--image-opts`.
    private func window(of target: ScriptedTarget, offset: UInt64, size: Int) -> String {
        "driver=raw,offset=\(offset),size=\(size),file.driver=iscsi,file.transport=tcp,"
            + "file.portal=\(target.portal),file.target=\(target.name),file.lun=1"
    }

    // MARK: Discovery and login

    @Test(arguments: [ScriptedTarget.Address.ipv4, .ipv6])
    func discoversItself(address: ScriptedTarget.Address) async throws {
        let target = try ScriptedTarget(luns: [:], address: address)
        let run = try await Tool.run("iscsi-ls", "iscsi://\(target.portal)")
        #expect(run.status == 0)
        #expect(run.output.contains("Target:\(target.name) Portal:\(target.portal),1"))
        let seen = try await target.waitUntil("the logout") { $0.logouts == 1 && $0.connectionsOpen == 0 }
        #expect(seen.discoveryLogins == 1 && seen.logins == 0 && seen.complaints.isEmpty)
    }

    @Test func announcesWhatItIsTold() async throws {
        let target = try target()
        target.update { script in
            script.discovery.entries = [
                .init("iqn.2024-01.com.example:a", portals: ["192.0.2.1:3260,1", "[2001:db8::1]:3260,2"]),
                .init(name: Array("iqn.x:\u{1B}[31m\nforged".utf8), portals: [Array("192.0.2.2:3260,1".utf8)]),
            ]
        }
        let run = try await Tool.run("iscsi-ls", "iscsi://\(target.portal)")
        #expect(run.output.contains("Target:iqn.2024-01.com.example:a Portal:192.0.2.1:3260,1"))
        #expect(run.output.contains("Portal:[2001:db8::1]:3260,2"))
        #expect(run.output.contains("Target:iqn.x:\u{1B}[31m\nforged Portal:192.0.2.2:3260,1"))
    }

    @Test(arguments: [ScriptedTarget.LoginStatus.authenticationFailure, .notFound, .serviceUnavailable])
    func rejectsLogins(status: ScriptedTarget.LoginStatus) async throws {
        let target = try target { $0.login = .reject(status) }
        let run = try await Tool.run("iscsi-inq", target.url(lun: 1))
        #expect(run.status != 0)
        #expect(target.status.loginsRejected >= 1 && target.status.logins == 0)
    }

    @Test func refusesNamesItDoesNotHave() async throws {
        let target = try target()
        let run = try await Tool.run("iscsi-inq", "iscsi://\(target.portal)/iqn.2024-01.com.example:other/1")
        #expect(run.status != 0 && run.output.contains("Target not found"))
    }

    @Test func redirectsLogins() async throws {
        let there = try target()
        let here = try ScriptedTarget(script: .init())
        here.update { $0.login = .redirect(to: there.portal) }
        let run = try await Tool.run("iscsi-inq", here.url(lun: 1))
        #expect(run.status == 0)
        #expect(here.status.loginsRejected == 1 && there.status.logins == 1)
    }

    @Test func keepsALoginWaiting() async throws {
        let target = try target { $0.login = .ignore }
        async let run = Tool.run("iscsi-inq", target.url(lun: 1))
        try await target.waitUntil("the login request") { $0.loginPDUs == 1 }
        #expect(target.status.logins == 0)
        target.update { $0.login = .accept }
        #expect(try await run.status == 0)
    }

    // MARK: What a unit says

    @Test func describesAUnit() async throws {
        var unit = ScriptedLUN(capacity: 3 << 40, blockSize: 4096)
        unit.vendor = Array("ACME".utf8)
        unit.product = Array("Rocket \u{7}".utf8)
        unit.serial = Array("S123".utf8)
        unit.designators = [.naa([0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])]
        let target = try target(unit)
        let inquiry = try await Tool.run("iscsi-inq", target.url(lun: 1))
        #expect(inquiry.output.contains("Vendor:ACME") && inquiry.output.contains("Product:Rocket \u{7}"))
        let serial = try await Tool.run("iscsi-inq", "-e", "1", "-c", "128", target.url(lun: 1))
        #expect(serial.output.contains("S123"))
        for page in [0, 0x83, 0xB0, 0xB1, 0xB2] {
            #expect(try await Tool.run("iscsi-inq", "-e", "1", "-c", "\(page)", target.url(lun: 1)).status == 0)
        }
        let size = try await Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1))
        #expect(size.output == "\(3 << 40)\n")
    }

    @Test func listsUnits() async throws {
        let luns = Dictionary(uniqueKeysWithValues: (0..<300).map { (UInt64($0), ScriptedLUN(capacity: 1 << 20)) })
        let target = try ScriptedTarget(luns: luns)
        let run = try await Tool.run("iscsi-ls", "-s", "iscsi://\(target.portal)")
        let lines = run.output.split(separator: "\n").filter { $0.hasPrefix("Lun:") }
        // libiscsi prints the first two bytes of the LUN, and sends them back: flat addressing begins at 0x4000.
        #expect(lines.count == 300 && lines.contains { $0.hasPrefix("Lun:\(0x4000 + 299) ") })
        #expect(target.status.unit(299).opcodes.contains(.readCapacity10))
        #expect(target.status.complaints.isEmpty)
    }

    @Test func changesAUnitInPlace() async throws {
        let target = try target()
        try target.update(lun: 1) { $0.capacity = 1 << 42 }
        #expect(try await Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1)).output == "\(1 << 42)\n")
        target.update { $0.luns[1] = nil }
        #expect(try await Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1)).status != 0)
        #expect(throws: ScriptedTargetError.self) { try target.update(lun: 1) { $0.serial = nil } }
    }

    // MARK: Data

    /// Every way of packing write and read data must carry the same bytes.
    @Test(arguments: [
        (false, true, 262_144, 262_144, 65_536, true), (true, false, 262_144, 262_144, 65_536, false),
        (false, false, 8192, 16_384, 16_384, true), (true, true, 4096, 65_536, 8192, false),
    ])
    func carriesImages(
        initialR2T: Bool, immediate: Bool, segment: Int, burst: Int, firstBurst: Int, withData: Bool
    ) async throws {
        let target = try target(ScriptedLUN(capacity: 3 << 40)) { script in
            script.parameters.initialR2T = initialR2T
            script.parameters.immediateData = immediate
            script.parameters.maxReceiveDataSegmentLength = segment
            script.parameters.maxBurstLength = burst
            script.parameters.firstBurstLength = firstBurst
            script.parameters.statusWithData = withData
        }
        let source = try ScratchFile(Self.pattern)
        let sector = UInt64(2 << 40) / 512
        // A window of the unit beyond 2 TiB, as large as the image.
        let window = window(of: target, offset: sector * 512, size: source.size)
        let write = try await Tool.run(
            "qemu-img", "convert", "-n", "-f", "raw", source.path, "--target-image-opts", window)
        #expect(write.status == 0, "\(write.output)")
        let held = try target.contents(lun: 1).read(at: sector * 512, count: Self.pattern.count)
        #expect(held == Self.pattern)
        let compare = try await Tool.run(
            "qemu-img", "compare", "--image-opts", "driver=raw,file.filename=\(source.path)", window)
        #expect(compare.status == 0, "\(compare.output)")
        #expect(target.status.unit(1).bytesWritten >= Self.pattern.count)
        #expect(target.status.complaints == [])
    }

    @Test func convertsBothWays() async throws {
        let target = try target(ScriptedLUN(capacity: 3 << 20, blockSize: 4096))
        let source = try ScratchFile(Self.pattern + [UInt8](repeating: 7, count: (3 << 20) - Self.pattern.count))
        let copy = try ScratchFile([])
        let url = target.url(lun: 1)
        let there = try await Tool.run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", source.path, url)
        #expect(there.status == 0, "\(there.output)")
        let back = try await Tool.run("qemu-img", "convert", "-f", "raw", "-O", "raw", url, copy.path)
        #expect(back.status == 0, "\(back.output)")
        let compare = try await Tool.run("qemu-img", "compare", "-f", "raw", "-F", "raw", source.path, copy.path)
        #expect(compare.status == 0, "\(compare.output)")
    }

    @Test func recordsUnmaps() async throws {
        let target = try target()
        try target.update(lun: 1) { $0.contents.write(Array(Self.pattern.prefix(1 << 20)), at: 0) }
        let run = try await Tool.run(
            "qemu-io", "-f", "raw", "-c", "discard 0 1M", "-c", "write -z -u 1M 1M", target.url(lun: 1))
        #expect(run.status == 0, "\(run.output)")
        let seen = target.status.unit(1)
        #expect(seen.blocksUnmapped >= 2048 && seen.count(of: [.unmap, .writeSame16]) >= 2)
        #expect(try target.contents(lun: 1).allocatedBytes == 0)
    }

    // MARK: Faults of a unit

    @Test func attentionPassesAfterSoManyTimes() async throws {
        let target = try target()
        try target.update(lun: 1) { $0.faults = [.unitAttention(times: 3)] }
        let run = try await Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1))
        #expect(run.status == 0)
        #expect(target.status.unit(1).faults == 3 && target.script.luns[1]?.faults[0].remaining == 0)
    }

    @Test(arguments: [
        ScriptedLUN.Fault.notReady(), .reservationConflict(), .unsupported(.readCapacity), .busy(), .taskSetFull(),
    ])
    func faultsReachTheInitiator(fault: ScriptedLUN.Fault) async throws {
        let target = try target()
        try target.update(lun: 1) { $0.faults = [fault] }
        let run = try await Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1))
        #expect(run.status != 0, "\(run.output)")
        #expect(target.status.unit(1).faults >= 1)
    }

    /// libiscsi 1.19 takes the bytes that are missing for zeroes.
    @Test func payloadsAreFalsified() async throws {
        let target = try target()
        let honest: [UInt8] = [0, 0, 0, 0, 0, 0, 0x0F, 0xFF, 0, 0, 2, 0]
        try target.update(lun: 1) { $0.faults = [.payload(honest, for: .readCapacity, times: 1)] }
        let replaced = try await Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1))
        #expect(replaced.output == "\(4096 * 512)\n")
        try target.update(lun: 1) { $0.faults = [.truncated(to: 5, for: .readCapacity)] }
        let cut = try await Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1))
        #expect(cut.output == "0\n")
    }

    @Test func mediumErrorsAreWhereTheyAre() async throws {
        let target = try target()
        try target.update(lun: 1) { $0.faults = [.mediumError(blocks: 2048..<2049)] }
        let url = target.url(lun: 1)
        let bad = try await Tool.run("qemu-io", "-r", "-f", "raw", "-c", "read 1M 512", url)
        #expect(bad.output.contains("Input/output error"))
        let good = try await Tool.run("qemu-io", "-r", "-f", "raw", "-c", "read 0 1M", url)
        #expect(good.status == 0 && !good.output.contains("error"), "\(good.output)")
    }

    @Test func hungCommandsAreAnsweredWhenReleased() async throws {
        let target = try target()
        try target.update(lun: 1) { $0.faults = [.hang([.serviceActionIn16])] }
        async let run = Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1))
        try await target.waitUntil("READ CAPACITY(16)") { $0.unit(1).opcodes.last == .serviceActionIn16 }
        #expect(target.status.commandsOutstanding == 1)
        try target.update(lun: 1) { $0.faults = [] }
        #expect(try await run.output == "\(64 << 20)\n")
    }

    // MARK: Faults of the target

    @Test func hangsAndResumes() async throws {
        let target = try target { $0.isHanging = true }
        async let run = Tool.run("iscsi-readcapacity16", "-s", target.url(lun: 1))
        try await target.waitUntil("the login request") { $0.loginPDUs == 1 }
        target.update { $0.isHanging = false }
        #expect(try await run.output == "\(64 << 20)\n")
    }

    @Test func provesPipelining() async throws {
        let target = try target {
            $0.hold = ScriptedTarget.Hold(untilOutstanding: 8)
            $0.answerOrder = .reversed
        }
        let source = try ScratchFile(Self.pattern)
        try target.update(lun: 1) { $0.contents.write(Self.pattern, at: 0) }
        let window = window(of: target, offset: 0, size: source.size)
        let reads = (0..<8).map { ["-c", "aio_read \($0 * 65_536) 65536"] }.joined()
        let run = try await Tool.run(["qemu-io", "-r"] + reads + ["-c", "aio_flush", "--image-opts", window])
        #expect(run.status == 0, "\(run.output)")
        let seen = target.status
        #expect(seen.holdsReleased == 1 && seen.largestOutstanding == 8)
        #expect(seen.connections.contains { $0.largestOutstanding == 8 })
        #expect(seen.answersOutOfOrder == 7 && seen.complaints.isEmpty)
    }

    @Test func aSmallWindowIsKept() async throws {
        let target = try target {
            $0.parameters.commandWindow = 4
            $0.hold = ScriptedTarget.Hold(untilOutstanding: 4)
        }
        let reads = (0..<16).map { ["-c", "aio_read \($0 * 65_536) 65536"] }.joined()
        let run = try await Tool.run(["qemu-io", "-r", "-f", "raw"] + reads + ["-c", "aio_flush", target.url(lun: 1)])
        #expect(run.status == 0, "\(run.output)")
        #expect(target.status.largestOutstanding == 4 && target.status.complaints.isEmpty)
    }

    @Test(arguments: [ScriptedTarget.Ending.close, .reset])
    func connectionsEndInTheMiddle(ending: ScriptedTarget.Ending) async throws {
        let source = try ScratchFile(Self.pattern)
        let target = try target(ScriptedLUN(capacity: UInt64(source.size))) {
            $0.connectionFaults = [
                .init(.writeData(1_000_001), ending), .init(.readData(1_500_003), ending),
                .init(.answer([.write10, .write16], ordinal: 2), ending),
            ]
        }
        // libiscsi connects again by itself and repeats what had no answer.
        let url = target.url(lun: 1)
        let run = try await Tool.run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", source.path, url)
        #expect(run.status == 0, "\(run.output)")
        let compare = try await Tool.run("qemu-img", "compare", "-f", "raw", "-F", "raw", source.path, url)
        #expect(compare.status == 0, "\(compare.output)")
        let seen = try await target.waitUntil("the end of the connections") { $0.connectionsOpen == 0 }
        #expect(seen.connections.count { $0.ending == ending } == 3)
    }

    @Test func waitsEnd() async throws {
        let target = try target()
        await #expect(throws: ScriptedTargetError.self) {
            try await target.waitUntil("what never comes", within: .milliseconds(20)) { $0.logins > 0 }
        }
        let waiting = Task { try await target.waitUntil("what never comes") { $0.logins > 0 } }
        target.stop()
        await #expect(throws: ScriptedTargetError.self) { try await waiting.value }
        let cancelled = Task { try await target.waitUntil("what never comes") { _ in false } }
        cancelled.cancel()
        await #expect(throws: ScriptedTargetError.self) { try await cancelled.value }
    }

    @Test func stopsWithConnectionsOpen() async throws {
        let target = try target { $0.login = .ignore }
        async let run = Tool.run("iscsi-inq", target.url(lun: 1))
        try await target.waitUntil("the login request") { $0.loginPDUs == 1 }
        target.stop()
        target.stop()
        #expect(try await run.status != 0)
        #expect(target.status.connectionsOpen == 0)
    }

    @Test func manyWorkSideBySide() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 1...16 {
                group.addTask {
                    let target = try ScriptedTarget(luns: [UInt64(index): ScriptedLUN(capacity: UInt64(index) << 20)])
                    let run = try await Tool.run("iscsi-readcapacity16", "-s", target.url(lun: UInt64(index)))
                    #expect(run.output == "\(index << 20)\n")
                }
            }
            try await group.waitForAll()
        }
    }
}
