public import SANModel

/// Asks units of this host what they are.
public protocol UnitInterviewing: Sendable {
    /// - Throws: `not_found`, `unavailable`, `permission_denied`, `timed_out`, `cancelled`, `busy`, `backend_failure`, `host_failure`.
    func ask(_ unit: SCSIUnit, until deadline: Deadline) async throws(StorageError) -> LiveIdentity

    /// Asks many units, some at a time, each within a time of its own: one that hangs is that unit's problem only.
    ///
    /// - Parameters:
    ///   - patience: how long one unit may take.
    ///   - deadline: for all of them.
    func ask(
        _ units: [SCSIUnit], patience: Duration, until deadline: Deadline
    ) async -> [HCTL: Result<LiveIdentity, StorageError>]
}

/// Asks with `SG_IO` on the unit's block device, on a thread of its own.
public struct UnitInterview: UnitInterviewing {
    /// For one command: units answer in microseconds, a path in trouble may take seconds.
    public static let commandTime = Duration.seconds(5)

    public init() {}

    /// Asks a unit that is running; any other might hold the question for as long as its transport keeps commands (`replacement_timeout`).
    public func ask(_ unit: SCSIUnit, until deadline: Deadline) async throws(StorageError) -> LiveIdentity {
        try await withBlockingThread(
            named: "san-ask", until: deadline, waitingFor: InterviewRound.awaited(unit)
        ) { () throws(StorageError) in try UnitInterview.answer(of: unit, until: deadline) }
    }

    /// With a few threads for all of them.
    public func ask(
        _ units: [SCSIUnit], patience: Duration, until deadline: Deadline
    ) async -> [HCTL: Result<LiveIdentity, StorageError>] {
        await InterviewRound(units, patience: patience, until: deadline, UnitInterview.answer).run()
    }

    /// Opens the unit's device and asks; blocks.
    @Sendable
    private static func answer(of unit: SCSIUnit, until deadline: Deadline) throws(StorageError) -> LiveIdentity {
        let name = unit.hctl.description
        guard let block = unit.block else {
            throw StorageError(.unavailable, "\(name) has no block device to be asked through", subject: .device(name))
        }
        guard unit.isRunning else {
            throw StorageError(
                .unavailable, "\(name) isn't asked what it is, as the kernel says that it is \(unit.stateText)",
                subject: .device(name))
        }
        let device = try OpenBlockDevice(block, .ask)
        return try LiveIdentity.ask(device, unit: name, timeout: min(UnitInterview.commandTime, deadline.remaining))
    }
}

extension SCSIUnit {
    /// Whether commands reach it, as far as the kernel knows.
    public var isRunning: Bool { state == nil || state == "running" }

    /// The kernel's word for its state.
    public var stateText: String { state.map(\.printable) ?? "in no state" }
}
