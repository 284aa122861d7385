extension ScriptedLUN {
    /// Something wrong with a unit, for some commands, once or for good.
    ///
    /// The first fault of ``ScriptedLUN/faults`` that matches a command decides, the later ones aren't looked at.
    public struct Fault: Sendable {
        /// What happens to a matching command.
        public enum Effect: Sendable {
            case checkCondition(ScriptedTarget.Sense)
            /// A status of SAM-5, 5.3.1, without sense data.
            case status(UInt8)
            /// No answer, until the fault is taken away. A hang with `remaining` set loses its commands for good.
            case hang
            /// The command is done; what it returns is changed.
            case payload(PayloadChange)
        }

        public var opcodes: ScriptedTarget.Opcodes
        /// The command must touch one of these blocks; nil: whatever it touches.
        public var blocks: Range<UInt64>?
        /// Matching commands that pass before the first is hit.
        public var skipping: Int
        /// How many commands it still hits; nil: all.
        public var remaining: Int?
        public var effect: Effect

        public init(
            _ effect: Effect, opcodes: ScriptedTarget.Opcodes, blocks: Range<UInt64>? = nil, times: Int? = nil,
            skipping: Int = 0
        ) {
            self.effect = effect
            self.opcodes = opcodes
            self.blocks = blocks
            self.remaining = times
            self.skipping = skipping
        }

        /// CHECK CONDITION 5/20/00.
        public static func unsupported(_ opcodes: ScriptedTarget.Opcodes) -> Fault {
            Fault(.checkCondition(.invalidOpcode), opcodes: opcodes)
        }

        /// UNIT ATTENTION, 6/29/00 unless told otherwise.
        public static func unitAttention(times: Int = 1, _ sense: ScriptedTarget.Sense = .powerOnReset) -> Fault {
            Fault(.checkCondition(sense), opcodes: .statefulOnly, times: times)
        }

        /// NOT READY, 2/04/01 unless told otherwise.
        public static func notReady(times: Int? = nil, _ sense: ScriptedTarget.Sense = .becomingReady) -> Fault {
            Fault(.checkCondition(sense), opcodes: .statefulOnly, times: times)
        }

        /// MEDIUM ERROR for reads and writes that touch `blocks`; the sense data names the first bad block.
        public static func mediumError(
            blocks: Range<UInt64>, opcodes: ScriptedTarget.Opcodes = .readsAndWrites, times: Int? = nil
        ) -> Fault {
            Fault(.checkCondition(.unrecoveredReadError), opcodes: opcodes, blocks: blocks, times: times)
        }

        public static func reservationConflict(times: Int? = nil) -> Fault {
            Fault(.status(0x18), opcodes: .statefulOnly, times: times)
        }

        public static func busy(times: Int? = nil, opcodes: ScriptedTarget.Opcodes = .all) -> Fault {
            Fault(.status(0x08), opcodes: opcodes, times: times)
        }

        public static func taskSetFull(times: Int? = nil, opcodes: ScriptedTarget.Opcodes = .all) -> Fault {
            Fault(.status(0x28), opcodes: opcodes, times: times)
        }

        public static func hang(_ opcodes: ScriptedTarget.Opcodes = .all, times: Int? = nil) -> Fault {
            Fault(.hang, opcodes: opcodes, times: times)
        }

        /// Whatever the command returns, this is sent, cut to what the initiator expects.
        public static func payload(_ bytes: [UInt8], for opcodes: ScriptedTarget.Opcodes, times: Int? = nil) -> Fault {
            Fault(.payload(PayloadChange(replacement: bytes)), opcodes: opcodes, times: times)
        }

        /// Only the first `count` bytes of the payload are sent.
        public static func truncated(to count: Int, for opcodes: ScriptedTarget.Opcodes, times: Int? = nil) -> Fault {
            Fault(.payload(PayloadChange(length: count)), opcodes: opcodes, times: times)
        }

        /// So many bytes more are sent than the initiator expects at most.
        public static func oversized(by count: Int, for opcodes: ScriptedTarget.Opcodes, times: Int? = nil) -> Fault {
            let change = PayloadChange(excess: count, residual: .none)
            return Fault(.payload(change), opcodes: opcodes, times: times)
        }
    }

    /// How the payload of a command is falsified.
    public struct PayloadChange: Sendable {
        /// What the target says about the difference between what was expected and what was sent.
        public enum Residual: Sendable {
            case honest
            case none
            case underflow(UInt32)
            case overflow(UInt32)
        }

        /// Sent in place of the payload.
        public var replacement: [UInt8]?
        /// The payload is cut to so many bytes.
        public var length: Int?
        /// The payload is filled up with 0xA5 to the expected length of the initiator, and so many bytes past it.
        public var excess: Int
        public var residual: Residual

        public init(
            replacement: [UInt8]? = nil, length: Int? = nil, excess: Int = 0, residual: Residual = .honest
        ) {
            self.replacement = replacement
            self.length = length
            self.excess = excess
            self.residual = residual
        }
    }

    /// The effect on a command, if a fault matches; counts the fault down.
    mutating func takeFault(for cdb: CommandBlock) -> (effect: Fault.Effect, isLasting: Bool)? {
        for index in faults.indices {
            guard faults[index].opcodes.contains(cdb.opcode), faults[index].remaining != 0 else { continue }
            var firstBad: UInt64?
            if let bad = faults[index].blocks {
                guard let touched = cdb.blocks, touched.overlaps(bad) else { continue }
                firstBad = max(bad.lowerBound, touched.lowerBound)
            }
            if faults[index].skipping > 0 {
                faults[index].skipping -= 1
                continue
            }
            if let remaining = faults[index].remaining { faults[index].remaining = remaining - 1 }
            let isLasting = faults[index].remaining == nil
            let effect = faults[index].effect
            guard case .checkCondition(var sense) = effect else { return (effect, isLasting) }
            if let firstBad, sense.information == nil { sense.information = firstBad }
            return (.checkCondition(sense), isLasting)
        }
        return nil
    }
}
