extension TargetCore {
    // MARK: Data in

    /// Sends what a command returned: data within what the initiator expects, residual, status.
    func send(_ answer: CommandAnswer, to command: PendingCommand, on connection: TargetConnection) {
        let offered = answer.payload.count
        var payload = command.reads ? Array(answer.payload.prefix(command.expectedLength)) : []
        if answer.excess > 0 {
            payload += repeatElement(0xA5, count: command.expectedLength - payload.count + answer.excess)
        }
        let residual = residual(of: answer, offered: offered, to: command)
        let statusGoesWithData =
            script.parameters.statusWithData && !payload.isEmpty && answer.status == 0 && answer.sense.isEmpty
        sendData(payload, residual: statusGoesWithData ? residual : nil, to: command, on: connection)
        guard connection.ending == nil, !statusGoesWithData else { return }

        var response = ProtocolDataUnit(.response, flags: 0x80 | residual.flags, tag: command.tag)
        response.header[3] = answer.status
        response.header.setBigEndian(residual.count, width: 4, at: 44)
        if !answer.sense.isEmpty {
            response.data.appendBigEndian(answer.sense.count, width: 2)
            response.data += answer.sense
        }
        connection.queue(connection.number(response, isStatus: true).encoded())
    }

    /// The underflow (0x02) or overflow (0x04) bit and the residual count: RFC 7143, 11.4.5.
    private func residual(
        of answer: CommandAnswer, offered: Int, to command: PendingCommand
    ) -> (flags: UInt8, count: UInt32) {
        switch answer.residual {
        case .none: return (0, 0)
        case .underflow(let count): return (0x02, count)
        case .overflow(let count): return (0x04, count)
        case .honest: break
        }
        var moved = 0
        if command.reads {
            moved = offered
        } else if command.writes, answer.status == 0 {
            moved = command.cdb.dataOutLength(blockSize: script.luns[command.lun]?.blockSize ?? 0)
        }
        let difference = command.expectedLength - moved
        guard difference != 0 else { return (0, 0) }
        return (difference > 0 ? 0x02 : 0x04, UInt32(clamping: difference.magnitude))
    }

    private func sendData(
        _ payload: [UInt8], residual: (flags: UInt8, count: UInt32)?, to command: PendingCommand,
        on connection: TargetConnection
    ) {
        let segment = max(1, connection.negotiation.maxSendDataSegmentLength)
        let burst = max(segment, connection.negotiation.maxBurstLength)
        var offset = 0
        var sequence = 0
        var burstLeft = burst
        while offset < payload.count {
            let length = min(segment, payload.count - offset, burstLeft)
            let isLast = offset + length == payload.count
            burstLeft -= length
            var unit = ProtocolDataUnit(.dataIn, flags: isLast || burstLeft == 0 ? 0x80 : 0, tag: command.tag)
            if burstLeft == 0 { burstLeft = burst }
            unit.header.setBigEndian(command.rawLUN, width: 8, at: 8)
            unit.header.setBigEndian(ProtocolDataUnit.noTag, width: 4, at: 20)
            unit.header.setBigEndian(sequence, width: 4, at: 36)
            unit.header.setBigEndian(offset, width: 4, at: 40)
            unit.data = Array(payload[offset..<offset + length])
            let carriesStatus = isLast && residual != nil
            if carriesStatus, let residual {
                unit.header[1] |= 0x01 | residual.flags
                unit.header.setBigEndian(residual.count, width: 4, at: 44)
            }
            guard queueData(connection.number(unit, isStatus: carriesStatus), of: command, on: connection) else {
                return
            }
            offset += length
            sequence += 1
        }
    }

    /// Queues a Data-In; where a fault ends the connection in the middle of it, only what comes before.
    private func queueData(
        _ unit: ProtocolDataUnit, of command: PendingCommand, on connection: TargetConnection
    ) -> Bool {
        guard command.cdb.isRead else {
            connection.queue(unit.encoded())
            return true
        }
        let (passing, ending) = script.countReadData(unit.data.count)
        guard let ending else {
            connection.queue(unit.encoded())
            return true
        }
        connection.queue(Array(unit.encoded().prefix(ProtocolDataUnit.headerLength + passing)))
        end(connection, ending)
        return false
    }

    // MARK: Data out

    func takeDataOut(_ unit: ProtocolDataUnit, on connection: TargetConnection) {
        // Data of a command that was answered before its data was in is no longer wanted.
        guard let command = connection.commands[unit.tag] else { return }
        let offset = Int(unit.header.bigEndian32(at: 40))
        if let burst = command.burst, burst.tag == unit.transferTag {
            if offset + unit.data.count > burst.end { complain("data beyond the burst asked for") }
            if unit.isFinal { command.burst = nil }
        } else if unit.transferTag == ProtocolDataUnit.noTag {
            if !command.isUnsolicited { complain("unsolicited data after the last of it") }
            if offset + unit.data.count > connection.negotiation.firstBurstLength {
                complain("unsolicited data beyond FirstBurstLength")
            }
            if unit.isFinal { command.isUnsolicited = false }
        } else {
            complain("data for a transfer tag that isn't open")
        }
        store(unit.data, at: offset, of: command, on: connection)
    }

    func store(_ data: [UInt8], at offset: Int, of command: PendingCommand, on connection: TargetConnection) {
        guard !data.isEmpty else { return }
        if data.count > script.parameters.maxReceiveDataSegmentLength {
            complain("a data segment beyond MaxRecvDataSegmentLength")
        }
        guard command.writes, offset == command.received, offset + data.count <= command.expectedLength else {
            return complain("data at \(offset) where \(command.received) of \(command.expectedLength) bytes are in")
        }
        guard Opcodes.writes.contains(command.cdb.opcode) else {
            command.data += data
            command.received += data.count
            return
        }
        let (passing, ending) = script.countWriteData(data.count)
        command.data += data.prefix(passing)
        command.received += passing
        if let ending { end(connection, ending) }
    }

    /// Asks for the next burst of write data, or finds that all of it is in.
    func collect(_ command: PendingCommand, on connection: TargetConnection) {
        guard !command.isUnsolicited, command.burst == nil else { return }
        let blockSize = script.luns[command.lun]?.blockSize ?? 0
        let wanted = min(command.expectedLength, command.cdb.dataOutLength(blockSize: blockSize))
        guard command.received < wanted else {
            command.stage = .ready
            return
        }
        let length = min(wanted - command.received, max(512, connection.negotiation.maxBurstLength))
        let tag = nextTransferTag()
        var unit = ProtocolDataUnit(.readyToTransfer, tag: command.tag)
        unit.header.setBigEndian(command.rawLUN, width: 8, at: 8)
        unit.header.setBigEndian(tag, width: 4, at: 20)
        unit.header.setBigEndian(command.readySN, width: 4, at: 36)
        unit.header.setBigEndian(command.received, width: 4, at: 40)
        unit.header.setBigEndian(length, width: 4, at: 44)
        command.readySN += 1
        command.burst = (tag, command.received + length)
        connection.queue(connection.number(unit, isStatus: false).encoded())
    }

    private typealias Opcodes = ScriptedTarget.Opcodes
}
