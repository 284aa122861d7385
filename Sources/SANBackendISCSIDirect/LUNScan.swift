import SANHost
import SANModel

/// Lists a target's units.
enum LUNScan {
    /// The units and what each says of itself, sorted by their numbers.
    ///
    /// - Throws: `timed_out`, `unavailable`, `cancelled`, and the target's refusal of REPORT LUNS.
    static func run(on connection: ISCSIConnection, until deadline: Deadline) throws(StorageError) -> Result {
        let list = try units(on: connection, until: deadline)
        var problems: [StorageError] = []
        if list.fullLength > ReportLUNs.lengthLimit {
            problems.append(
                StorageError(
                    .unsupported,
                    "\(connection.portal) reports \((list.fullLength - 8) / 8) LUNs: only \(list.units.count) are listed"
                ))
        }
        let reports = try LUNInterview.ask(list.units.sorted(), on: connection, until: deadline)
        return Result(reports: reports, problems: problems)
    }

    struct Result: Sendable {
        var reports: [UnitReport]
        /// What is wrong with the list itself.
        var problems: [StorageError]
    }

    private static func units(
        on connection: ISCSIConnection, until deadline: Deadline
    ) throws(StorageError) -> ReportLUNs {
        // Room for 511 units: most targets need no second question.
        var allocation = 4_096
        while true {
            let command = SCSICommand.reportLUNs(allocation: UInt32(allocation))
            connection.submit(.init(lun: 0, command: command, tag: 0))
            var outcome: ISCSIConnection.Outcome?
            while outcome == nil {
                outcome = try connection.wait(until: deadline).first
                if connection.stop.isRequested {
                    throw StorageError(.cancelled, "Cancelled while listing the LUNs of \(connection.portal)")
                }
            }
            if let failure = outcome?.failure {
                throw failure.error(command.name, unit: "The target at \(connection.portal)")
            }
            let list = try ReportLUNs(outcome?.data ?? [])
            guard list.fullLength > allocation, allocation < ReportLUNs.lengthLimit else { return list }
            // The list may grow between two questions: ask for what it says, again and again until all of it fits.
            allocation = min(ReportLUNs.lengthLimit, list.fullLength)
        }
    }
}
