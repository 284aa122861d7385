extension TargetCore {
    // MARK: Arrival

    func registerCommand(_ unit: ProtocolDataUnit, on connection: TargetConnection) {
        guard connection.phase == .normal else {
            complain("a SCSI command outside of a normal session")
            return reject(unit, reason: 0x04, on: connection)
        }
        if !unit.isImmediate { takeCommandSN(of: unit, on: connection) }
        let command = PendingCommand(unit, arrival: nextArrival())
        if connection.commands[command.tag] != nil { complain("task tag \(command.tag) is in use twice") }
        status.luns[command.lun, default: .init()].commands.append(command.cdb.bytes)
        connection.commands[command.tag] = command
        connection.openWindow(script.parameters.commandWindow)
        status.connections[connection.id].commands += 1
        countOutstanding(1, on: connection)

        command.isUnsolicited = command.writes && !unit.isFinal
        if command.isUnsolicited, connection.negotiation.initialR2T {
            complain("unsolicited data although InitialR2T=Yes")
        }
        if !unit.data.isEmpty, !connection.negotiation.immediateData {
            complain("immediate data although ImmediateData=No")
        }
        if let ending = script.countCommand(command.cdb.opcode) { end(connection, ending) }
        store(unit.data, at: 0, of: command, on: connection)
    }

    private func countOutstanding(_ change: Int, on connection: TargetConnection) {
        status.commandsOutstanding += change
        status.largestOutstanding = max(status.largestOutstanding, status.commandsOutstanding)
        var own = status.connections[connection.id]
        own.outstanding += change
        own.largestOutstanding = max(own.largestOutstanding, own.outstanding)
        status.connections[connection.id] = own
    }

    // MARK: Abort

    func forget(_ command: PendingCommand, of connection: TargetConnection) {
        guard connection.commands[command.tag] === command else { return }
        connection.commands[command.tag] = nil
        countOutstanding(-1, on: connection)
        connection.openWindow(script.parameters.commandWindow)
    }

    func forgetCommands(of connection: TargetConnection) {
        for command in connection.commands.values { forget(command, of: connection) }
    }

    // MARK: Progress

    /// Takes every command as far as it gets: admission, data, answer.
    func settleCommands() {
        for (connection, command) in outstanding() where command.stage == .admission {
            admit(command, on: connection)
        }
        for (connection, command) in outstanding() where command.stage == .collecting {
            collect(command, on: connection)
        }
        releaseHold()
        var batch = outstanding().filter { $0.command.stage == .ready && !isHeld($0.command) }
        if script.answerOrder == .reversed { batch.reverse() }
        for (connection, command) in batch where connection.ending == nil {
            answer(command, on: connection)
        }
    }

    /// Commands of connections that aren't ending, in the order they arrived.
    private func outstanding() -> [(connection: TargetConnection, command: PendingCommand)] {
        var all: [(connection: TargetConnection, command: PendingCommand)] = []
        for connection in connections.values where connection.ending == nil {
            for command in connection.commands.values where !command.isLost { all.append((connection, command)) }
        }
        return all.sorted { $0.command.arrival < $1.command.arrival }
    }

    private func admit(_ command: PendingCommand, on connection: TargetConnection) {
        if let fault = script.luns[command.lun]?.takeFault(for: command.cdb) {
            if case .hang = fault.effect {
                if !fault.isLasting { lose(command) }
                return
            }
            status.luns[command.lun]?.faults += 1
            command.fault = fault.effect
        }
        switch command.fault {
        case .checkCondition, .status: command.stage = .ready
        default: command.stage = command.writes ? .collecting : .ready
        }
    }

    private func lose(_ command: PendingCommand) {
        status.luns[command.lun]?.faults += 1
        command.isLost = true
    }

    private func isHeld(_ command: PendingCommand) -> Bool {
        guard let hold = script.hold, !command.isReleased else { return false }
        return hold.opcodes.contains(command.cdb.opcode)
    }

    private func releaseHold() {
        guard let hold = script.hold else { return }
        let held = outstanding().filter { hold.opcodes.contains($0.command.cdb.opcode) }
        guard held.count >= hold.count else { return }
        script.hold = nil
        status.holdsReleased += 1
        for (_, command) in held { command.isReleased = true }
    }

    // MARK: Answer

    private func answer(_ command: PendingCommand, on connection: TargetConnection) {
        let answer = perform(command)
        status.luns[command.lun]?.bytesRead += command.reads && command.cdb.isRead ? answer.payload.count : 0
        status.luns[command.lun]?.bytesWritten += answer.bytesWritten
        status.luns[command.lun]?.blocksUnmapped += answer.blocksUnmapped
        if connection.commands.values.contains(where: { $0.arrival < command.arrival }) {
            status.answersOutOfOrder += 1
        }
        forget(command, of: connection)
        if let ending = script.countAnswer(command.cdb.opcode) {
            end(connection, ending)
        } else {
            send(answer, to: command, on: connection)
        }
    }

    private func perform(_ command: PendingCommand) -> CommandAnswer {
        switch command.fault {
        case .checkCondition(let sense): return .check(sense)
        case .status(let status): return CommandAnswer(status: status)
        case .payload(let change): return performUnharmed(command).changed(by: change)
        default: return performUnharmed(command)
        }
    }

    private func performUnharmed(_ command: PendingCommand) -> CommandAnswer {
        let cdb = command.cdb
        var answer: CommandAnswer
        if cdb.opcode == .reportLUNs {
            answer = .data(reportLUNs())
        } else if let performed = script.luns[command.lun]?.perform(cdb, data: command.data) {
            answer = performed
        } else {
            switch cdb.opcode {
            case .inquiry: answer = .data(ScriptedLUN.absentInquiry)
            case .requestSense: answer = .data(ScriptedTarget.Sense.noSuchUnit.bytes)
            default: answer = .check(.noSuchUnit)
            }
        }
        if let limit = cdb.allocationLength { answer.payload = Array(answer.payload.prefix(limit)) }
        return answer
    }

    private func reportLUNs() -> [UInt8] {
        let entries = script.reportedLUNs ?? script.luns.keys.sorted().map(ScriptedTarget.LUNAddress.shortest)
        var payload: [UInt8] = []
        payload.reserveCapacity(8 + entries.count * 8)
        payload.appendBigEndian(entries.count * 8, width: 4)
        payload.appendBigEndian(0, width: 4)
        for entry in entries { payload.appendBigEndian(entry, width: 8) }
        return payload
    }
}

extension CommandBlock {
    var isRead: Bool { ScriptedTarget.Opcodes.reads.contains(opcode) }
}
