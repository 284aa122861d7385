/// Why a ``ScriptedTarget`` couldn't do what a test asked.
public enum ScriptedTargetError: Error, Sendable, CustomStringConvertible {
    /// A system call failed.
    case system(call: String, errno: Int32)
    case noSuchLUN(UInt64)
    /// What a test waited for hasn't happened; `seen` is what has.
    case timedOut(waitingFor: String, seen: ScriptedTarget.Status)
    /// The target was stopped while a test waited for something.
    case stopped(waitingFor: String)
    case cancelled(waitingFor: String)

    public var description: String {
        switch self {
        case .system(let call, let errno): "\(call) failed with errno \(errno)"
        case .noSuchLUN(let lun): "the scripted target has no LUN \(lun)"
        case .stopped(let reason): "the scripted target was stopped while a test waited for \(reason)"
        case .cancelled(let reason): "cancelled while waiting for \(reason)"
        case .timedOut(let reason, let seen):
            """
            waited in vain for \(reason): \(seen.connectionsOpen) of \(seen.connectionsAccepted) connections open, \
            \(seen.logins) logins, \(seen.commandsOutstanding) commands outstanding (at most \(seen.largestOutstanding)), \
            complaints \(seen.complaints)
            """
        }
    }
}
