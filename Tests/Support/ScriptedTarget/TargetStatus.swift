extension ScriptedTarget {
    /// What has happened at a target so far.
    public struct Status: Sendable {
        /// Every connection there was, in the order they were accepted.
        public internal(set) var connections: [Connection] = []
        /// By the unit's number; what was asked of a LUN that isn't there too.
        public internal(set) var luns: [UInt64: Unit] = [:]

        public internal(set) var loginPDUs = 0
        /// Normal sessions that reached the full feature phase.
        public internal(set) var logins = 0
        /// Discovery sessions that reached the full feature phase.
        public internal(set) var discoveryLogins = 0
        public internal(set) var loginsRejected = 0
        public internal(set) var logouts = 0
        public internal(set) var textRequests = 0
        public internal(set) var nops = 0
        /// The functions of the task management requests: 1 ABORT TASK, 2 ABORT TASK SET, 5 LOGICAL UNIT RESET.
        public internal(set) var taskManagement: [UInt8] = []

        /// Commands that came in and have neither been answered nor aborted, on all connections.
        public internal(set) var commandsOutstanding = 0
        public internal(set) var largestOutstanding = 0
        /// ``Hold``s that got their commands.
        public internal(set) var holdsReleased = 0
        /// Answers sent while an older command of the same connection was outstanding.
        public internal(set) var answersOutOfOrder = 0
        /// What the initiator did against the protocol, in words.
        public internal(set) var complaints: [String] = []

        public var connectionsAccepted: Int { connections.count }
        public var connectionsOpen: Int { connections.count { $0.isOpen } }

        /// What has come in for a unit.
        public func unit(_ lun: UInt64) -> Unit { luns[lun] ?? Unit() }
    }

    /// One connection, open or gone.
    public struct Connection: Sendable {
        public internal(set) var isOpen = true
        public internal(set) var initiatorName: String?
        /// nil in a discovery session.
        public internal(set) var targetName: String?
        public internal(set) var loginPDUs = 0
        public internal(set) var isLoggedIn = false
        public internal(set) var commands = 0
        public internal(set) var outstanding = 0
        public internal(set) var largestOutstanding = 0
        /// How the target ended it, by the script; nil: it didn't.
        public internal(set) var ending: Ending?
    }

    /// What a unit was asked and what was done with it.
    public struct Unit: Sendable {
        /// The CDBs in the order they arrived, answered or not.
        public internal(set) var commands: [[UInt8]] = []
        public internal(set) var bytesRead = 0
        /// WRITE and WRITE SAME, once carried out.
        public internal(set) var bytesWritten = 0
        /// UNMAP and WRITE SAME with the UNMAP bit.
        public internal(set) var blocksUnmapped: UInt64 = 0
        /// Commands that a fault hit.
        public internal(set) var faults = 0

        public var opcodes: [Opcode] { commands.map { Opcode(rawValue: $0[0]) } }

        public func count(of opcodes: Opcodes) -> Int {
            self.opcodes.count { opcodes.contains($0) }
        }
    }
}
