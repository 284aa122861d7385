/// The state of a target: everything that its thread and the test share, behind one lock.
final class TargetCore {
    let name: String
    let portal: String
    var script: ScriptedTarget.Script
    var status = ScriptedTarget.Status()
    var connections: [Int: TargetConnection] = [:]
    var listener: Socket?
    var waiters: [Waiter] = []
    var isStopping = false
    private var lastWaiter = 0
    private var arrivals = 0
    private var lastTransferTag: UInt32 = 0
    private var receiveBuffer = [UInt8](repeating: 0, count: 262_144)

    init(name: String, portal: String, script: ScriptedTarget.Script, listener: consuming Socket) {
        self.name = name
        self.portal = portal
        self.script = script
        self.listener = consume listener
    }

    func nextArrival() -> Int {
        arrivals += 1
        return arrivals
    }

    func nextWaiter() -> Int {
        lastWaiter += 1
        return lastWaiter
    }

    func nextTransferTag() -> UInt32 {
        lastTransferTag = lastTransferTag == .max - 1 ? 1 : lastTransferTag + 1
        return lastTransferTag
    }

    func complain(_ text: String) {
        status.complaints.append(text)
    }

    // MARK: Connections

    func acceptAll() {
        while let socket = listener?.accept() {
            let id = status.connections.count
            status.connections.append(ScriptedTarget.Connection())
            connections[id] = TargetConnection(id: id, socket: socket)
        }
    }

    /// Ends a connection because the script wants it to, once what was answered is sent.
    func end(_ connection: TargetConnection, _ ending: ScriptedTarget.Ending) {
        connection.ending = ending
        status.connections[connection.id].ending = ending
    }

    /// Takes what has come in on a connection.
    func receive(on connection: TargetConnection) {
        // A peer that never stops sending mustn't keep the others waiting.
        for _ in 0..<16 {
            switch connection.socket.receive(into: &receiveBuffer) {
            case .bytes(let count):
                if connection.ending == nil { connection.input.append(contentsOf: receiveBuffer[..<count]) }
            case .wouldBlock: return scan(connection)
            case .ended:
                scan(connection)
                connection.peerIsGone = true
                return
            }
        }
        scan(connection)
    }

    private func scan(_ connection: TargetConnection) {
        var start = 0
        scanning: while connection.ending == nil {
            // Initiators may send more than they were allowed; that is noted, not fatal.
            switch ProtocolDataUnit.scan(connection.input, from: start, limit: 0x40_0000) {
            case .incomplete: break scanning
            case .tooLong:
                complain("a PDU of more than 4 MiB")
                connection.ending = .close
            case .unit(let unit, let consumed):
                start += consumed
                arrived(unit, on: connection)
            }
        }
        if connection.ending == nil {
            connection.input.removeSubrange(0..<start)
        } else {
            connection.input.removeAll()
        }
    }

    /// Counts a PDU and takes what must not wait; the rest waits while the target hangs.
    private func arrived(_ unit: ProtocolDataUnit, on connection: TargetConnection) {
        switch unit.opcode {
        case .command: return registerCommand(unit, on: connection)
        case .dataOut: return takeDataOut(unit, on: connection)
        case .login:
            status.loginPDUs += 1
            status.connections[connection.id].loginPDUs += 1
        default:
            if connection.phase != .login, !unit.isImmediate {
                takeCommandSN(of: unit, on: connection)
                connection.openWindow(script.parameters.commandWindow)
            }
        }
        connection.deferred.append(unit)
        if !script.isHanging { answerDeferred(on: connection) }
    }

    func takeCommandSN(of unit: ProtocolDataUnit, on connection: TargetConnection) {
        if unit.commandSN != connection.expectedCommandSN {
            complain("CmdSN \(unit.commandSN) where \(connection.expectedCommandSN) was expected")
        }
        if Int32(bitPattern: unit.commandSN &- connection.maximumCommandSN) > 0 {
            complain("CmdSN \(unit.commandSN) is beyond MaxCmdSN \(connection.maximumCommandSN)")
        }
        connection.expectedCommandSN = unit.commandSN &+ 1
    }

    private func answerDeferred(on connection: TargetConnection) {
        while connection.ending == nil, let unit = connection.deferred.first {
            guard answer(unit, on: connection) else { return }
            connection.deferred.removeFirst()
        }
    }

    /// Does everything that can be done now: after something has come in, or the script has changed.
    func settle() {
        guard !script.isHanging else { return }
        for connection in connections.values { answerDeferred(on: connection) }
        settleCommands()
    }

    /// Sends what can be sent, and drops the connections that have come to their end.
    func transmit() {
        for connection in connections.values {
            if !script.isHanging { connection.flush() }
            if connection.peerIsGone {
                drop(connection)
                continue
            }
            guard let ending = connection.ending, !connection.isFinished else { continue }
            if script.isHanging { connection.dropOutput() }
            guard !connection.hasOutput else { continue }
            if ending == .reset {
                connection.socket.reset()
                drop(connection)
            } else {
                // A close with input unread would send a RST that destroys what was sent last.
                connection.socket.finish()
                connection.isFinished = true
                forgetCommands(of: connection)
                status.connections[connection.id].isOpen = false
            }
        }
    }

    func drop(_ connection: TargetConnection) {
        connection.socket.disconnect()
        forgetCommands(of: connection)
        status.connections[connection.id].isOpen = false
        connections[connection.id] = nil
    }
}
