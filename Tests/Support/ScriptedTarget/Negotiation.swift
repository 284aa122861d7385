/// The keys of a login: what the initiator said, what that makes of the session (RFC 7143, 13).
struct Negotiation {
    private(set) var keys: [String: String] = [:]
    /// Text of a request that goes on in the next PDU.
    var partialText: [UInt8] = []
    private var hasAnnounced = false

    private(set) var maxSendDataSegmentLength = 8192
    private(set) var maxBurstLength = 262_144
    private(set) var firstBurstLength = 65_536
    private(set) var initialR2T = true
    private(set) var immediateData = true

    var isDiscovery: Bool { keys["SessionType"] == "Discovery" }

    static func pairs(_ text: [UInt8]) -> [(key: String, value: String)] {
        text.split(separator: 0).map { pair in
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? parts[1] : []
            return (String(decoding: parts[0], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
    }

    /// The text that answers the keys of one request.
    mutating func answer(_ text: [UInt8], offering own: ScriptedTarget.Parameters) -> [UInt8] {
        var answers: [(String, String)] = []
        for (key, value) in Self.pairs(text) {
            keys[key] = value
            if let answer = answer(key, value, own) { answers.append((key, answer)) }
        }
        if !hasAnnounced {
            hasAnnounced = true
            if !isDiscovery { answers.append(("TargetPortalGroupTag", "1")) }
        }
        if answers.contains(where: { $0.0 == "MaxBurstLength" || $0.0 == "InitialR2T" }) {
            answers.append(("MaxRecvDataSegmentLength", String(own.maxReceiveDataSegmentLength)))
        }
        return Array(answers.map { "\($0.0)=\($0.1)\0" }.joined().utf8)
    }

    private mutating func answer(_ key: String, _ value: String, _ own: ScriptedTarget.Parameters) -> String? {
        let number = Int(value) ?? 0
        let wants = value == "Yes"
        switch key {
        case "InitiatorName", "InitiatorAlias", "TargetName", "SessionType": return nil
        case "MaxRecvDataSegmentLength":
            maxSendDataSegmentLength = min(max(number, 512), 0xFF_FFFF)
            return nil
        case "AuthMethod": return value.split(separator: ",").contains("None") ? "None" : "Reject"
        case "HeaderDigest", "DataDigest": return "None"
        case "MaxBurstLength":
            maxBurstLength = min(number, own.maxBurstLength)
            return String(maxBurstLength)
        case "FirstBurstLength":
            firstBurstLength = min(number, own.firstBurstLength, own.maxBurstLength)
            return String(firstBurstLength)
        case "InitialR2T":
            initialR2T = wants || own.initialR2T
            return initialR2T ? "Yes" : "No"
        case "ImmediateData":
            immediateData = wants && own.immediateData
            return immediateData ? "Yes" : "No"
        case "MaxConnections", "MaxOutstandingR2T": return "1"
        case "DefaultTime2Wait": return String(max(number, 0))
        case "DefaultTime2Retain", "ErrorRecoveryLevel": return "0"
        case "DataPDUInOrder", "DataSequenceInOrder": return "Yes"
        case "IFMarker", "OFMarker": return "No"
        case "RDMAExtensions": return "No"
        default: return "NotUnderstood"
        }
    }
}
