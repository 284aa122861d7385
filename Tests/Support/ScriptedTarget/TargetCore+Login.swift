extension TargetCore {
    /// Answers a login request.
    ///
    /// - Returns: false where the script wants it to wait.
    func answerLogin(_ request: ProtocolDataUnit, on connection: TargetConnection) -> Bool {
        guard connection.phase == .login else {
            complain("a login request in the full feature phase")
            reject(request, reason: 0x04, on: connection)
            return true
        }
        let text = connection.negotiation.partialText + request.data
        let isDiscovery =
            Negotiation.pairs(text).contains { $0 == ("SessionType", "Discovery") }
            || connection.negotiation.isDiscovery
        switch takeLoginAnswer(isDiscovery: isDiscovery) {
        case .ignore: return false
        case .bytes(let bytes): connection.queue(bytes)
        case .reject(let status, _): rejectLogin(request, status, on: connection)
        case .redirect(let address, let permanently):
            let text = Array("TargetAddress=\(address)\0".utf8)
            rejectLogin(request, permanently ? .movedPermanently : .movedTemporarily, text: text, on: connection)
        case .accept:
            connection.negotiation.partialText = text
            negotiate(request, on: connection)
        }
        return true
    }

    private func takeLoginAnswer(isDiscovery: Bool) -> ScriptedTarget.LoginAnswer {
        let answer = isDiscovery ? script.discoveryLogin : script.login
        guard case .reject(let status, let times?) = answer else { return answer }
        guard times > 0 else { return .accept }
        let next: ScriptedTarget.LoginAnswer = times == 1 ? .accept : .reject(status, times: times - 1)
        if isDiscovery { script.discoveryLogin = next } else { script.login = next }
        return answer
    }

    private func negotiate(_ request: ProtocolDataUnit, on connection: TargetConnection) {
        let text = connection.negotiation.partialText
        let continues = request.flags & 0x40 != 0
        var answer: [UInt8] = []
        if !continues {
            connection.negotiation.partialText = []
            answer = connection.negotiation.answer(text, offering: script.parameters)
            let keys = connection.negotiation.keys
            status.connections[connection.id].initiatorName = keys["InitiatorName"]
            status.connections[connection.id].targetName = keys["TargetName"]
            if keys["AuthMethod"]?.split(separator: ",").contains("None") == false {
                return rejectLogin(request, .authenticationFailure, on: connection)
            }
            if keys["InitiatorName"] == nil { return rejectLogin(request, .missingParameter, on: connection) }
            if !connection.negotiation.isDiscovery {
                guard let target = keys["TargetName"] else {
                    return rejectLogin(request, .missingParameter, on: connection)
                }
                guard target == name || script.otherNames.contains(target) else {
                    return rejectLogin(request, .notFound, on: connection)
                }
            }
        }
        let transits = request.flags & 0x80 != 0 && !continues
        // The stage and the next stage are the initiator's, and so is whether it goes on.
        var response = loginResponse(to: request, flags: transits ? request.flags & 0x8F : request.flags & 0x0C)
        response.data = answer
        let isLast = transits && request.flags & 0x03 == 3
        if isLast { response.header.setBigEndian(connection.id + 1, width: 2, at: 14) }
        connection.expectedCommandSN = request.commandSN
        connection.maximumCommandSN = request.commandSN &- 1
        connection.openWindow(script.parameters.commandWindow)
        connection.queue(connection.number(response, isStatus: true).encoded())
        if isLast { enterFullFeaturePhase(connection) }
    }

    private func enterFullFeaturePhase(_ connection: TargetConnection) {
        status.connections[connection.id].isLoggedIn = true
        if connection.negotiation.isDiscovery {
            connection.phase = .discovery
            status.discoveryLogins += 1
        } else {
            connection.phase = .normal
            status.logins += 1
        }
    }

    private func loginResponse(to request: ProtocolDataUnit, flags: UInt8) -> ProtocolDataUnit {
        var response = ProtocolDataUnit(.loginResponse, flags: flags, tag: request.tag)
        response.header.replaceSubrange(8..<14, with: request.header[8..<14])  // ISID
        return response
    }

    private func rejectLogin(
        _ request: ProtocolDataUnit, _ reason: ScriptedTarget.LoginStatus, text: [UInt8] = [],
        on connection: TargetConnection
    ) {
        status.loginsRejected += 1
        var response = loginResponse(to: request, flags: request.flags & 0x0C)
        response.header.setBigEndian(reason.rawValue, width: 2, at: 36)
        response.data = text
        connection.queue(connection.number(response, isStatus: true).encoded())
        connection.ending = .close
    }
}
