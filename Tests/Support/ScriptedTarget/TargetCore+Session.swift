extension TargetCore {
    /// Answers a PDU other than a command and its data.
    ///
    /// - Returns: false where the script wants it to wait.
    func answer(_ request: ProtocolDataUnit, on connection: TargetConnection) -> Bool {
        if request.opcode == .login { return answerLogin(request, on: connection) }
        guard connection.phase != .login else {
            complain("opcode \(request.header[0] & 0x3F) before the login")
            connection.ending = .close
            return true
        }
        switch request.opcode {
        case .nopOut: answerNop(request, on: connection)
        case .text: answerText(request, on: connection)
        case .taskManagement: answerTaskManagement(request, on: connection)
        case .logout:
            status.logouts += 1
            send(ProtocolDataUnit(.logoutResponse, tag: request.tag), on: connection)
            connection.ending = .close
        default: reject(request, reason: 0x05, on: connection)
        }
        return true
    }

    private func send(_ response: ProtocolDataUnit, on connection: TargetConnection) {
        connection.queue(connection.number(response, isStatus: true).encoded())
    }

    private func answerNop(_ request: ProtocolDataUnit, on connection: TargetConnection) {
        status.nops += 1
        guard request.tag != ProtocolDataUnit.noTag else { return }
        var response = ProtocolDataUnit(.nopIn, tag: request.tag)
        response.header.setBigEndian(request.lun, width: 8, at: 8)
        response.header.setBigEndian(ProtocolDataUnit.noTag, width: 4, at: 20)
        response.data = request.data
        send(response, on: connection)
    }

    /// REJECT with the header of what is rejected: RFC 7143, 11.17.
    func reject(_ request: ProtocolDataUnit, reason: UInt8, on connection: TargetConnection) {
        complain("opcode \(request.header[0] & 0x3F) was rejected")
        var response = ProtocolDataUnit(.reject)
        response.header[2] = reason
        response.data = request.header
        send(response, on: connection)
    }

    private func answerText(_ request: ProtocolDataUnit, on connection: TargetConnection) {
        status.textRequests += 1
        var response = ProtocolDataUnit(.textResponse, tag: request.tag)
        response.header.setBigEndian(request.lun, width: 8, at: 8)
        let isContinuation = request.transferTag != ProtocolDataUnit.noTag
        let text = isContinuation ? connection.restOfText : discoveryText(request, on: connection)
        let limit = connection.negotiation.maxSendDataSegmentLength
        if text.count > limit, !script.discovery.ignoresSegmentLimit {
            response.header[1] = 0x40  // C: it goes on
            response.header.setBigEndian(nextTransferTag(), width: 4, at: 20)
            response.data = Array(text.prefix(limit))
            connection.restOfText = Array(text.dropFirst(limit))
        } else {
            response.header.setBigEndian(ProtocolDataUnit.noTag, width: 4, at: 20)
            response.data = text
            connection.restOfText = []
        }
        send(response, on: connection)
    }

    private func discoveryText(_ request: ProtocolDataUnit, on connection: TargetConnection) -> [UInt8] {
        guard let wanted = Negotiation.pairs(request.data).first(where: { $0.key == "SendTargets" })?.value else {
            return []
        }
        if let raw = script.discovery.rawText { return raw }
        let own = ScriptedTarget.Discovery.Entry(name, portals: ["\(portal),1"])
        var text: [UInt8] = []
        for entry in script.discovery.entries ?? [own] {
            // An empty value asks for the target of the session.
            let name = wanted.isEmpty ? name : wanted
            guard wanted == "All" || entry.name.elementsEqual(name.utf8) else { continue }
            text += Array("TargetName=".utf8) + entry.name + [0]
            for portal in entry.portals { text += Array("TargetAddress=".utf8) + portal + [0] }
        }
        return text
    }

    /// Aborts what it asks to abort, and says that it was done: RFC 7143, 11.5 and 11.6.
    private func answerTaskManagement(_ request: ProtocolDataUnit, on connection: TargetConnection) {
        let function = request.flags & 0x7F
        status.taskManagement.append(function)
        var response = ProtocolDataUnit(.taskManagementResponse, tag: request.tag)
        switch function {
        case 1:
            if let command = connection.commands[request.transferTag] {
                forget(command, of: connection)
            } else {
                response.header[2] = 1  // no such task
            }
        case 2, 3, 5:
            for command in connection.commands.values where command.rawLUN == request.lun {
                forget(command, of: connection)
            }
        case 6, 7: forgetCommands(of: connection)
        default: response.header[2] = 5  // not supported
        }
        send(response, on: connection)
    }
}
