extension ScriptedTarget {
    /// How a target behaves; may be changed while connections are open.
    public struct Script: Sendable {
        /// The units by number; a number above 40 bits is the eight bytes of the LUN itself.
        public var luns: [UInt64: ScriptedLUN]
        /// The entries of REPORT LUNS; nil: the units there are, each in its shortest form.
        public var reportedLUNs: [UInt64]?

        /// What SendTargets says.
        public var discovery = Discovery()
        /// Names a normal session may ask for besides the target's own; others are told 0x0203.
        public var otherNames: Set<String> = []
        public var login = LoginAnswer.accept
        public var discoveryLogin = LoginAnswer.accept

        /// Nothing is answered and nothing is sent; what arrives is kept, and answered when this ends.
        public var isHanging = false
        /// Answers are kept back until enough commands are outstanding.
        public var hold: Hold?
        public var answerOrder = AnswerOrder.arrival
        public var connectionFaults: [ConnectionFault] = []
        /// Those of the login are looked at when a connection logs in.
        public var parameters = Parameters()

        public init(luns: [UInt64: ScriptedLUN] = [:]) {
            self.luns = luns
        }
    }

    /// Keeps back the answers to some commands until `count` of them are outstanding at once, on all connections
    /// together; then answers them all, and is gone from the script.
    ///
    /// An initiator that doesn't send the next command before the last is answered never gets any answer.
    public struct Hold: Sendable {
        public var count: Int
        public var opcodes: Opcodes

        public init(untilOutstanding count: Int, opcodes: Opcodes = .readsAndWrites) {
            self.count = count
            self.opcodes = opcodes
        }
    }

    /// In which order commands are answered that can be answered at the same time.
    public enum AnswerOrder: Sendable {
        case arrival
        /// The last first. Which commands that concerns depends on how they arrive; ``Hold`` makes it certain.
        case reversed
    }

    /// The answer to SendTargets.
    public struct Discovery: Sendable {
        public struct Entry: Sendable {
            public var name: [UInt8]
            /// Values of TargetAddress, such as `127.0.0.1:3260,1`.
            public var portals: [[UInt8]]

            public init(name: [UInt8], portals: [[UInt8]]) {
                self.name = name
                self.portals = portals
            }

            public init(_ name: String, portals: [String]) {
                self.init(name: Array(name.utf8), portals: portals.map { Array($0.utf8) })
            }
        }

        /// nil: the target itself, at the address it listens on.
        public var entries: [Entry]?
        /// The whole text, NULs included, in place of the entries.
        public var rawText: [UInt8]?
        /// Sends the text in one PDU, however long, instead of in as many as the initiator's limit wants.
        public var ignoresSegmentLimit = false

        public init(entries: [Entry]? = nil, rawText: [UInt8]? = nil) {
            self.entries = entries
            self.rawText = rawText
        }
    }

    /// What a login request gets.
    public enum LoginAnswer: Sendable {
        case accept
        /// Rejected `times` times, then accepted; nil: for good.
        case reject(LoginStatus, times: Int? = nil)
        /// Status 0x0101 or 0x0102, and the `TargetAddress` to go to.
        case redirect(to: String, permanently: Bool = false)
        /// No answer until this is changed; the connection stays open.
        case ignore
        /// These bytes, whatever they are, in place of a PDU.
        case bytes([UInt8])
    }

    /// Status class and detail of a login response: RFC 7143, 11.13.5.
    public struct LoginStatus: RawRepresentable, Hashable, Sendable, ExpressibleByIntegerLiteral {
        /// The class in the high byte, the detail in the low one.
        public let rawValue: UInt16

        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        public init(integerLiteral value: UInt16) {
            rawValue = value
        }

        public static let movedTemporarily: LoginStatus = 0x0101
        public static let movedPermanently: LoginStatus = 0x0102
        public static let initiatorError: LoginStatus = 0x0200
        public static let authenticationFailure: LoginStatus = 0x0201
        public static let authorizationFailure: LoginStatus = 0x0202
        public static let notFound: LoginStatus = 0x0203
        public static let targetRemoved: LoginStatus = 0x0204
        public static let missingParameter: LoginStatus = 0x0207
        public static let targetError: LoginStatus = 0x0300
        public static let serviceUnavailable: LoginStatus = 0x0301
        public static let outOfResources: LoginStatus = 0x0302
    }

    /// What the target offers at login, and how it paces and packs.
    public struct Parameters: Sendable {
        /// Bytes per PDU that the target takes.
        public var maxReceiveDataSegmentLength = 262_144
        public var maxBurstLength = 262_144
        public var firstBurstLength = 65_536
        /// Whether every write waits for an R2T.
        public var initialR2T = false
        public var immediateData = true
        /// Commands that MaxCmdSN lets the initiator have outstanding on a connection.
        public var commandWindow = 128
        /// The last Data-In carries the status, in place of a response of its own.
        public var statusWithData = true

        public init() {}
    }
}
