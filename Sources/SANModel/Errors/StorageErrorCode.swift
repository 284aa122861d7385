extension StorageError {
    /// What kind of failure this is: a stable string on the wire and in JSON, and the exit code of `sanctl`.
    ///
    /// The set is open: callers must be ready for a code that they don't know.
    public struct Code: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public var description: String { rawValue }

        /// An argument, flag or value that makes no sense.
        public static let invalidArgument = Code(rawValue: "invalid_argument")
        /// A document that can't be read, or that contradicts its schema; carries line and column.
        public static let malformedDefinition = Code(rawValue: "malformed_definition")
        /// A pool, volume, secret, target, host or file that isn't there.
        public static let notFound = Code(rawValue: "not_found")
        /// A library, program, kernel module or server that is missing or refuses connections.
        public static let unavailable = Code(rawValue: "unavailable")
        /// The storage answered, with an error.
        public static let backendFailure = Code(rawValue: "backend_failure")
        /// This machine failed: a file system, a system call, a program.
        public static let hostFailure = Code(rawValue: "host_failure")
        /// A name, UUID, usage or source that is taken.
        public static let alreadyExists = Code(rawValue: "already_exists")
        /// Somebody else is at work on the same thing.
        public static let busy = Code(rawValue: "busy")
        /// The deadline passed.
        public static let timedOut = Code(rawValue: "timed_out")
        /// The storage refused the user name or password.
        public static let authenticationFailed = Code(rawValue: "authentication_failed")
        /// The user may not do this here.
        public static let permissionDenied = Code(rawValue: "permission_denied")
        /// The backend or the storage can't do this at all.
        public static let unsupported = Code(rawValue: "unsupported")
        /// Not in this state: start an active pool, refresh an inactive one.
        public static let invalidState = Code(rawValue: "invalid_state")
        /// The user or the caller ended the operation.
        public static let cancelled = Code(rawValue: "cancelled")

        /// The exit code of `sanctl` for this code, after sysexits.h; 70 for a code that isn't known.
        public var exitCode: Int32 {
            switch self {
            case .invalidArgument: 64
            case .malformedDefinition: 65
            case .notFound: 66
            case .unavailable: 69
            case .backendFailure: 70
            case .hostFailure: 71
            case .alreadyExists: 73
            case .busy, .timedOut: 75
            case .authenticationFailed, .permissionDenied: 77
            case .unsupported, .invalidState: 78
            case .cancelled: 130
            default: 70
            }
        }
    }
}
