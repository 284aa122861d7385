extension ScriptedTarget {
    /// The end of a connection at a certain point.
    ///
    /// Bytes and commands are counted on all connections together, from when the fault is put in the script. It hits
    /// the connection that gets there, and counts from zero again for the next time.
    public struct ConnectionFault: Sendable {
        public enum Trigger: Sendable {
            /// So many bytes of write data have come in; the write they belong to isn't carried out.
            case writeData(Int)
            /// So many bytes of read data have gone out, in the middle of a PDU if need be.
            case readData(Int)
            /// The k-th matching command has come in; it isn't carried out.
            case command(Opcodes, ordinal: Int = 1)
            /// The k-th matching command has been carried out; its answer isn't sent.
            case answer(Opcodes, ordinal: Int = 1)
        }

        public var trigger: Trigger
        public var ending: Ending
        /// How often it still happens; nil: always.
        public var remaining: Int?
        var progress = 0

        public init(_ trigger: Trigger, _ ending: Ending = .close, times: Int? = 1) {
            self.trigger = trigger
            self.ending = ending
            remaining = times
        }
    }

    /// How the target ends a connection.
    public enum Ending: Sendable {
        /// What was answered is sent, then a FIN.
        case close
        /// What was answered is sent, then a RST, which may overtake it.
        case reset
    }
}

extension ScriptedTarget.Script {
    private typealias Trigger = ScriptedTarget.ConnectionFault.Trigger

    /// Counts bytes of write data.
    ///
    /// - Returns: how many of them still pass, and how the connection ends if not all do or the last one was awaited.
    mutating func countWriteData(_ count: Int) -> (passing: Int, ending: ScriptedTarget.Ending?) {
        countBytes(count) { if case .writeData(let limit) = $0 { limit } else { nil } }
    }

    /// Counts bytes of read data, as ``countWriteData(_:)`` does.
    mutating func countReadData(_ count: Int) -> (passing: Int, ending: ScriptedTarget.Ending?) {
        countBytes(count) { if case .readData(let limit) = $0 { limit } else { nil } }
    }

    mutating func countCommand(_ opcode: ScriptedTarget.Opcode) -> ScriptedTarget.Ending? {
        countBytes(1) {
            if case .command(let opcodes, let ordinal) = $0, opcodes.contains(opcode) { ordinal } else { nil }
        }.ending
    }

    mutating func countAnswer(_ opcode: ScriptedTarget.Opcode) -> ScriptedTarget.Ending? {
        countBytes(1) {
            if case .answer(let opcodes, let ordinal) = $0, opcodes.contains(opcode) { ordinal } else { nil }
        }.ending
    }

    private mutating func countBytes(
        _ count: Int, limit: (Trigger) -> Int?
    ) -> (passing: Int, ending: ScriptedTarget.Ending?) {
        var passing = count
        var ending: ScriptedTarget.Ending?
        for index in connectionFaults.indices where connectionFaults[index].remaining != 0 {
            guard let limit = limit(connectionFaults[index].trigger) else { continue }
            connectionFaults[index].progress += count
            let excess = connectionFaults[index].progress - limit
            guard excess >= 0, ending == nil else { continue }
            passing = max(0, count - excess)
            ending = connectionFaults[index].ending
            connectionFaults[index].progress = 0
            if let remaining = connectionFaults[index].remaining { connectionFaults[index].remaining = remaining - 1 }
        }
        return (passing, ending)
    }
}
