import CLibISCSI
import SANHost
import SANModel

/// How a command failed at its unit.
struct CommandFailure: Error, Sendable {
    /// A SCSI status, or one of libiscsi's own.
    var status: Int32
    var sense: SenseData?

    static let good = Int32(SCSI_STATUS_GOOD.rawValue)
    private static let conditionMet = Int32(SCSI_STATUS_CONDITION_MET.rawValue)
    static let redirected = Int32(SCSI_STATUS_REDIRECT.rawValue)
    /// The session went away under the command.
    static let cancelled = Int32(SCSI_STATUS_CANCELLED.rawValue)
    private static let checkCondition = Int32(SCSI_STATUS_CHECK_CONDITION.rawValue)
    private static let busy = Int32(SCSI_STATUS_BUSY.rawValue)
    private static let taskSetFull = Int32(SCSI_STATUS_TASK_SET_FULL.rawValue)
    private static let taskAborted = Int32(SCSI_STATUS_TASK_ABORTED.rawValue)
    private static let reservationConflict = Int32(SCSI_STATUS_RESERVATION_CONFLICT.rawValue)

    /// No failure at all.
    var isGood: Bool { status == CommandFailure.good || status == CommandFailure.conditionMet }

    /// The unit can't take the command now, and may in a moment.
    var isBusy: Bool { status == CommandFailure.busy || status == CommandFailure.taskSetFull }

    /// Another initiator's reset ended the command.
    var isAbortion: Bool { status == CommandFailure.taskAborted }

    var isUnitAttention: Bool { sense?.isUnitAttention ?? false }

    var isUnsupported: Bool { sense?.isUnsupportedCommand ?? false }

    /// - Parameters:
    ///   - command: what failed.
    ///   - unit: `LUN 3`.
    func error(_ command: String, unit: String) -> StorageError {
        let answer: String
        switch status {
        case CommandFailure.checkCondition: answer = sense?.description ?? "an error without sense data"
        case CommandFailure.busy: answer = "BUSY, again and again"
        case CommandFailure.taskSetFull: answer = "TASK SET FULL, again and again"
        case CommandFailure.taskAborted: answer = "TASK ABORTED: another initiator reset it"
        case CommandFailure.reservationConflict: answer = "RESERVATION CONFLICT: another initiator has it reserved"
        default: answer = "what libiscsi doesn't understand (status \(status))"
        }
        return StorageError(code, "\(unit) answered \(command) with \(answer)")
    }

    private var code: StorageError.Code {
        switch status {
        case CommandFailure.busy, CommandFailure.taskSetFull, CommandFailure.reservationConflict: return .busy
        case CommandFailure.checkCondition:
            guard let sense else { return .backendFailure }
            if sense.isUnknownUnit { return .notFound }
            if sense.key == SenseData.notReady { return .unavailable }
            return sense.key == SenseData.dataProtect ? .permissionDenied : .backendFailure
        default: return .backendFailure
        }
    }
}
