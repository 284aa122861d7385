/// How a command ended, before it is put in PDUs.
struct CommandAnswer {
    /// SAM-5, 5.3.1.
    var status: UInt8 = 0
    var sense: [UInt8] = []
    var payload: [UInt8] = []
    var residual = ScriptedLUN.PayloadChange.Residual.honest
    /// Bytes sent past the expected length.
    var excess = 0
    var bytesWritten = 0
    var blocksUnmapped: UInt64 = 0

    static let good = CommandAnswer()

    static func data(_ payload: [UInt8]) -> CommandAnswer { CommandAnswer(payload: payload) }

    static func check(_ sense: ScriptedTarget.Sense) -> CommandAnswer {
        CommandAnswer(status: 0x02, sense: sense.bytes)
    }

    /// Falsified as a fault wants it.
    func changed(by change: ScriptedLUN.PayloadChange) -> CommandAnswer {
        var answer = self
        if let replacement = change.replacement { answer.payload = replacement }
        if let length = change.length { answer.payload = Array(answer.payload.prefix(length)) }
        answer.excess = change.excess
        answer.residual = change.residual
        return answer
    }
}

extension ScriptedLUN {
    /// Longer reads are refused, so that a wild block count doesn't cost the memory of the test.
    private static let longestRead: UInt64 = 1 << 28

    /// Carries out a command; REPORT LUNS is the target's, not the unit's.
    mutating func perform(_ cdb: CommandBlock, data: [UInt8]) -> CommandAnswer {
        switch cdb.opcode {
        case .testUnitReady: .good
        case .requestSense: .data(ScriptedTarget.Sense.none.bytes)
        case .inquiry: inquiry(cdb)
        case .modeSense6: modeSense(cdb)
        case .readCapacity10, .serviceActionIn16: capacity(cdb)
        case .read10, .read16: read(cdb)
        case .write10, .write16: write(cdb, data)
        case .synchronizeCache10, .synchronizeCache16: inRange(cdb) ? .good : .check(.blockOutOfRange)
        case .unmap: unmap(data)
        case .writeSame16: writeSame(cdb, data)
        default: .check(.invalidOpcode)
        }
    }

    private func inquiry(_ cdb: CommandBlock) -> CommandAnswer {
        guard cdb.bytes[1] & 1 == 1 else {
            return cdb.bytes[2] == 0 ? .data(standardInquiry) : .check(.invalidField)
        }
        return vitalProductData(page: cdb.bytes[2]).map(CommandAnswer.data) ?? .check(.invalidField)
    }

    private func modeSense(_ cdb: CommandBlock) -> CommandAnswer {
        let page = cdb.bytes[2] & 0x3F
        guard page == 0x08 || page == 0x3F else { return .check(.invalidField) }
        let caching: [UInt8] = [0x08, 0x12, 0x04] + [UInt8](repeating: 0, count: 17)
        return .data([UInt8(3 + caching.count), 0, (isWriteProtected ? 0x80 : 0) | 0x10, 0] + caching)
    }

    private func capacity(_ cdb: CommandBlock) -> CommandAnswer {
        // An empty unit has no last block; the field then wraps to all ones, as some arrays have it.
        let last = blockCount &- 1
        var payload: [UInt8] = []
        guard cdb.opcode == .serviceActionIn16 else {
            payload.appendBigEndian(min(last, 0xFFFF_FFFF), width: 4)
            payload.appendBigEndian(blockSize, width: 4)
            return .data(payload)
        }
        switch cdb.serviceAction {
        case 0x10:
            payload.appendBigEndian(last, width: 8)
            payload.appendBigEndian(blockSize, width: 4)
            payload += [0, 0, isThin ? 0xC0 : 0] + [UInt8](repeating: 0, count: 17)
            return .data(payload)
        case 0x12: return blockStatus(from: cdb.bytes.bigEndian64(at: 2))
        default: return .check(.invalidField)
        }
    }

    /// GET LBA STATUS: the runs from a block on, at most 32 of them.
    private func blockStatus(from start: UInt64) -> CommandAnswer {
        guard start < blockCount, blockSize > 0 else { return .check(.blockOutOfRange) }
        var runs: [UInt8] = []
        var block = start
        while block < blockCount, runs.count < 32 * 16 {
            let run = contents.run(at: block * UInt64(blockSize), limit: capacity)
            let count = min(run.end / UInt64(blockSize) - block, 0xFFFF_FFFF)
            runs.appendBigEndian(block, width: 8)
            runs.appendBigEndian(count, width: 4)
            runs += [run.isMapped ? 0 : 1, 0, 0, 0]
            block += count
        }
        var payload: [UInt8] = []
        payload.appendBigEndian(runs.count + 4, width: 4)
        return .data(payload + [0, 0, 0, 0] + runs)
    }

    private func inRange(_ cdb: CommandBlock) -> Bool {
        guard let extent = cdb.extent else { return false }
        return extent.start <= blockCount && extent.count <= blockCount - extent.start
    }

    private func read(_ cdb: CommandBlock) -> CommandAnswer {
        guard inRange(cdb), let extent = cdb.extent else { return .check(.blockOutOfRange) }
        let (length, overflow) = extent.count.multipliedReportingOverflow(by: UInt64(blockSize))
        guard !overflow, length <= Self.longestRead else { return .check(.invalidField) }
        return .data(contents.read(at: extent.start &* UInt64(blockSize), count: Int(length)))
    }

    private mutating func write(_ cdb: CommandBlock, _ data: [UInt8]) -> CommandAnswer {
        guard !isWriteProtected else { return .check(.writeProtected) }
        guard inRange(cdb), let extent = cdb.extent else { return .check(.blockOutOfRange) }
        contents.write(data, at: extent.start &* UInt64(blockSize))
        return CommandAnswer(bytesWritten: data.count)
    }

    private mutating func unmap(_ data: [UInt8]) -> CommandAnswer {
        guard isThin else { return .check(.invalidOpcode) }
        guard !isWriteProtected else { return .check(.writeProtected) }
        var answer = CommandAnswer.good
        let end = min(data.count, 8 + Int(data.bigEndian16(at: 2)))
        for offset in stride(from: 8, to: end - 15, by: 16) {
            let start = data.bigEndian64(at: offset)
            let count = UInt64(data.bigEndian32(at: offset + 8))
            guard start <= blockCount, count <= blockCount - start else { return .check(.blockOutOfRange) }
            contents.discard(at: start &* UInt64(blockSize), count: count &* UInt64(blockSize))
            answer.blocksUnmapped += count
        }
        return answer
    }

    private mutating func writeSame(_ cdb: CommandBlock, _ data: [UInt8]) -> CommandAnswer {
        guard !isWriteProtected else { return .check(.writeProtected) }
        guard inRange(cdb), let extent = cdb.extent else { return .check(.blockOutOfRange) }
        let unmaps = cdb.bytes[1] & 0x08 != 0
        guard isThin || !unmaps else { return .check(.invalidField) }
        let count = extent.count == 0 ? blockCount - extent.start : extent.count
        let start = extent.start &* UInt64(blockSize)
        contents.discard(at: start, count: count &* UInt64(blockSize))
        if unmaps { return CommandAnswer(blocksUnmapped: count) }
        if data.contains(where: { $0 != 0 }) {
            for block in 0..<count { contents.write(data, at: start &+ block &* UInt64(blockSize)) }
        }
        return CommandAnswer(bytesWritten: Int(truncatingIfNeeded: count &* UInt64(blockSize)))
    }
}
