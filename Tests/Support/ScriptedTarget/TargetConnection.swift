/// The target's side of one connection.
final class TargetConnection {
    enum Phase {
        case login
        case discovery
        case normal
    }

    let id: Int
    let socket: Socket
    var phase = Phase.login

    var input: [UInt8] = []
    private(set) var output: [UInt8] = []
    private var sent = 0
    /// What is to become of the connection once the output is sent.
    var ending: ScriptedTarget.Ending?
    /// A FIN was sent; what still comes in is thrown away.
    var isFinished = false
    var peerIsGone = false

    var negotiation = Negotiation()
    var statusSN: UInt32 = 1
    var expectedCommandSN: UInt32 = 0
    var maximumCommandSN: UInt32 = 0

    /// Commands neither answered nor aborted, by initiator task tag.
    var commands: [UInt32: PendingCommand] = [:]
    /// PDUs other than commands that wait for the end of a hang.
    var deferred: [ProtocolDataUnit] = []
    /// What is left of a text response that takes several PDUs.
    var restOfText: [UInt8] = []

    init(id: Int, socket: consuming Socket) {
        self.id = id
        self.socket = socket
    }

    var hasOutput: Bool { sent < output.count }

    func queue(_ bytes: [UInt8]) {
        output.append(contentsOf: bytes)
    }

    func dropOutput() {
        output.removeAll()
        sent = 0
    }

    func flush() {
        while hasOutput {
            switch socket.send(output, from: sent) {
            case .bytes(let count): sent += count
            case .wouldBlock: return
            case .ended:
                peerIsGone = true
                return
            }
        }
        output.removeAll(keepingCapacity: output.count <= 1 << 20)
        sent = 0
    }

    /// Opens the command window as far as outstanding commands allow; it is never drawn back (RFC 7143, 4.2.2.1).
    func openWindow(_ window: Int) {
        let outstanding = commands.values.count { !$0.isImmediate }
        let maximum = expectedCommandSN &- 1 &+ UInt32(truncatingIfNeeded: max(0, window - outstanding))
        if Int32(bitPattern: maximum &- maximumCommandSN) > 0 { maximumCommandSN = maximum }
    }

    /// A PDU with the three sequence numbers set; a status takes a number of its own.
    func number(_ unit: ProtocolDataUnit, isStatus: Bool) -> ProtocolDataUnit {
        var unit = unit
        // Data without status has no StatSN; an R2T has the next one, and leaves it.
        let hasStatusSN = isStatus || unit.header[0] != TargetOpcode.dataIn.rawValue
        unit.header.setBigEndian(hasStatusSN ? statusSN : 0, width: 4, at: 24)
        unit.header.setBigEndian(expectedCommandSN, width: 4, at: 28)
        unit.header.setBigEndian(maximumCommandSN, width: 4, at: 32)
        if isStatus { statusSN &+= 1 }
        return unit
    }
}

/// A SCSI command from when it arrives to when it is answered.
final class PendingCommand {
    enum Stage {
        /// Whether it is carried out at all hasn't been decided: a hang.
        case admission
        /// Its write data comes in.
        case collecting
        /// It can be carried out and answered.
        case ready
    }

    let tag: UInt32
    let rawLUN: UInt64
    let cdb: CommandBlock
    let expectedLength: Int
    let reads: Bool
    let writes: Bool
    let isImmediate: Bool
    /// Its place among all commands of the target.
    let arrival: Int

    var stage = Stage.admission
    /// Whether the unit's faults were asked already, and what they said.
    var fault: ScriptedLUN.Fault.Effect?
    /// A hang that is counted: never answered.
    var isLost = false
    var isReleased = false

    var data: [UInt8] = []
    /// Bytes of write data that are in, from the start.
    var received = 0
    /// The initiator still sends data that no R2T asked for.
    var isUnsolicited = false
    /// The transfer tag and the end of the burst an R2T asked for.
    var burst: (tag: UInt32, end: Int)?
    var readySN: UInt32 = 0

    init(_ unit: ProtocolDataUnit, arrival: Int) {
        tag = unit.tag
        rawLUN = unit.lun
        cdb = CommandBlock(Array(unit.header[32..<48]))
        expectedLength = Int(unit.header.bigEndian32(at: 20))
        reads = unit.flags & 0x40 != 0
        writes = unit.flags & 0x20 != 0
        isImmediate = unit.isImmediate
        self.arrival = arrival
    }

    var lun: UInt64 { ScriptedTarget.LUNAddress.number(of: rawLUN) }
}
