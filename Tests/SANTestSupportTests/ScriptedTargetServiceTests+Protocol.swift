import SANTestSupport
import Testing

/// What the tools of libiscsi don't do.
extension ScriptedTargetServiceTests {
    @Test func longTextsTakeSeveralPDUs() throws {
        let target = try target()
        let names = (0..<20_000).map { "iqn.2024-01.com.example:disk\($0)" }
        target.update { $0.discovery.entries = names.map { .init($0, portals: ["192.0.2.1:3260,1"]) } }
        let initiator = try RawInitiator(port: target.port)
        #expect(try initiator.login("SessionType=Discovery", "MaxRecvDataSegmentLength=65536") == 0)
        var text: [UInt8] = []
        var transferTag: UInt32 = 0xFFFF_FFFF
        repeat {
            var request = RawInitiator.header(0x04, flags: 0x80, tag: 7)
            request.replaceSubrange(20..<24, with: RawInitiator.bytes(transferTag))
            try initiator.send(request, transferTag == 0xFFFF_FFFF ? Array("SendTargets=All\0".utf8) : [])
            let answer = try initiator.receive()
            #expect(answer.data.count <= 65_536 && answer.header[0] == 0x24)
            text += answer.data
            transferTag = RawInitiator.number(answer.header[20..<24])
        } while transferTag != 0xFFFF_FFFF
        let found = text.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        #expect(found.filter { $0.hasPrefix("TargetName=") } == names.map { "TargetName=" + $0 })
    }

    @Test func reportLUNsKeepsToTheAllocationLength() throws {
        let entries = (0..<5000).map { ScriptedTarget.LUNAddress.extended(UInt32($0)) }
        let target = try target { $0.reportedLUNs = entries }
        let initiator = try RawInitiator(port: target.port)
        #expect(try initiator.login("TargetName=\(target.name)") == 0)
        try initiator.send(RawInitiator.command([0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 28], tag: 1, reads: 64, sequence: 1))
        let answer = try initiator.receive()
        #expect(answer.data.count == 28 && RawInitiator.number(answer.data[0..<4]) == 40_000)
        #expect(Array(answer.data[16..<24]) == [0xD2, 0, 0, 1, 0, 0, 0, 0])
        // Status with the data, an underflow of 36 bytes.
        #expect(answer.header[1] == 0x83 && RawInitiator.number(answer.header[44..<48]) == 36)
    }

    @Test func sendsMoreThanIsExpected() throws {
        let target = try target()
        try target.update(lun: 1) { $0.faults = [.oversized(by: 100, for: [.inquiry])] }
        let initiator = try RawInitiator(port: target.port)
        #expect(try initiator.login("TargetName=\(target.name)") == 0)
        try initiator.send(RawInitiator.command([0x12, 0, 0, 0, 64], lun: 1, tag: 1, reads: 64, sequence: 1))
        let answer = try initiator.receive()
        #expect(answer.data.count == 164 && answer.header[1] == 0x81)
    }

    @Test func abortsATask() throws {
        let target = try target()
        try target.update(lun: 1) { $0.faults = [.hang([.testUnitReady])] }
        let initiator = try RawInitiator(port: target.port)
        #expect(try initiator.login("TargetName=\(target.name)") == 0)
        try initiator.send(RawInitiator.command([0], lun: 1, tag: 5, sequence: 1))
        var abort = RawInitiator.header(0x42, flags: 0x81, tag: 6)
        abort.replaceSubrange(20..<24, with: RawInitiator.bytes(5))
        try initiator.send(abort)
        let answer = try initiator.receive()
        #expect(answer.header[0] == 0x22 && answer.header[2] == 0)
        let seen = target.status
        #expect(seen.taskManagement == [1] && seen.commandsOutstanding == 0 && seen.unit(1).opcodes == [.testUnitReady])
    }

    @Test func complainsAboutInitiators() throws {
        let target = try target { $0.parameters.commandWindow = 1 }
        try target.update(lun: 1) { $0.faults = [.hang([.testUnitReady])] }
        let initiator = try RawInitiator(port: target.port)
        #expect(try initiator.login("TargetName=\(target.name)") == 0)
        try initiator.send(RawInitiator.command([0], lun: 1, tag: 5, sequence: 1))
        try initiator.send(RawInitiator.command([0x12, 0, 0, 0, 36], lun: 1, tag: 6, reads: 36, sequence: 2))
        #expect(try initiator.receive().data.count == 36)
        #expect(target.status.complaints == ["CmdSN 2 is beyond MaxCmdSN 1"])
        #expect(target.status.answersOutOfOrder == 1)
    }

    @Test func changesIdentityInASession() throws {
        let target = try target()
        let initiator = try RawInitiator(port: target.port)
        #expect(try initiator.login("TargetName=\(target.name)") == 0)
        for (sequence, name) in [UInt8(0x11), 0x22].enumerated() {
            let naa = [0x60 | name & 0xF] + [UInt8](repeating: name, count: 15)
            try target.update(lun: 1) { $0.designators = [.naa(naa)] }
            let page = RawInitiator.command(
                [0x12, 1, 0x83, 0, 255], lun: 1, tag: UInt32(sequence), reads: 255, sequence: UInt32(sequence + 1))
            try initiator.send(page)
            #expect(try initiator.receive().data == [0, 0x83, 0, 20, 1, 3, 0, 16] + naa)
        }
    }
}
