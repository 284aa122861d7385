import SANHost
import SANModel

/// Asks units what they are, all of them at once over one session; a unit that answers with an error keeps nobody else waiting.
struct LUNInterview {
    /// What is asked, in order; the later ones need the answer to the first.
    private enum Step: Int {
        case inquiry, identification, serial, readiness, capacity, limits, provisioning

        static let count = 8
        static let details: [Step] = [.identification, .serial]

        var page: UInt8? {
            switch self {
            case .identification: DeviceIdentification.page
            case .serial: UnitSerialNumber.page
            case .limits: BlockLimits.page
            case .provisioning: LogicalBlockProvisioning.page
            case .inquiry, .readiness, .capacity: nil
            }
        }
    }

    private let connection: ISCSIConnection
    /// Also ask what a disk can do, for a transfer.
    private let asksLimits: Bool
    private var reports: [UnitReport]
    private var unanswered: [Int]

    init(_ units: [LogicalUnitNumber], on connection: ISCSIConnection, asksLimits: Bool = false) {
        self.connection = connection
        self.asksLimits = asksLimits
        reports = units.map(UnitReport.init)
        unanswered = units.map { _ in 0 }
    }

    /// - Throws: `timed_out` where the whole target went silent, `unavailable`, `cancelled`. What is wrong with one unit is in its report.
    static func ask(
        _ units: [LogicalUnitNumber], on connection: ISCSIConnection, until deadline: Deadline, asksLimits: Bool = false
    ) throws(StorageError) -> [UnitReport] {
        var interview = LUNInterview(units, on: connection, asksLimits: asksLimits)
        try interview.run(until: deadline)
        return interview.reports
    }

    private mutating func run(until deadline: Deadline) throws(StorageError) {
        connection.gathersAnswers = true
        defer { connection.gathersAnswers = false }
        for index in reports.indices { ask(.inquiry, of: index) }
        // Some of the time is kept to find out whether it is a unit or the target that doesn't answer.
        let patience = Deadline.after(deadline.remaining * 4 / 5)
        while connection.pending > 0 {
            if connection.stop.isRequested {
                throw StorageError(.cancelled, "Cancelled while asking the units of \(connection.portal)")
            }
            if patience.hasPassed {
                try giveUp(until: deadline)
                return
            }
            for outcome in try connection.wait(until: patience, isFinal: false) { hear(outcome) }
        }
    }

    /// Leaves out the units that don't answer while the target does.
    private mutating func giveUp(until deadline: Deadline) throws(StorageError) {
        guard connection.isAlive(by: deadline) else { throw connection.timeoutError() }
        for index in reports.indices where unanswered[index] > 0 {
            reports[index].problems.append(
                StorageError(.timedOut, "LUN \(reports[index].lun) didn't answer in time, while the target did"))
        }
    }

    private mutating func ask(_ step: Step, of index: Int, allocation: UInt16 = VitalProductAllocation.initial) {
        guard let word = reports[index].lun.word else {
            reports[index].problems.append(
                StorageError(
                    .unsupported,
                    "LUN \(reports[index].lun) has an address that libiscsi can't send: give it a number below 16384"))
            return
        }
        let command: SCSICommand =
            switch step {
            case .inquiry: .inquiry()
            case .readiness: .testUnitReady
            case .capacity: .readCapacity16
            default: .vitalProductData(page: step.page ?? 0, allocation: allocation)
            }
        unanswered[index] += 1
        connection.submit(.init(lun: word, command: command, tag: index * Step.count + step.rawValue))
    }

    private mutating func hear(_ outcome: ISCSIConnection.Outcome) {
        let (index, number) = outcome.request.tag.quotientAndRemainder(dividingBy: Step.count)
        guard let step = Step(rawValue: number), reports.indices.contains(index) else { return }
        unanswered[index] -= 1
        do throws(StorageError) {
            if let failure = outcome.failure {
                try refuse(failure, step, of: index, outcome.request.command)
            } else if let allocation = step.page.flatMap({ _ in
                VitalProductAllocation.needed(
                    after: outcome.data, allocated: UInt16(clamping: outcome.request.command.length))
            }) {
                ask(step, of: index, allocation: allocation)
            } else {
                try read(outcome.data, step, of: index)
            }
        } catch {
            reports[index].problems.append(error)
        }
    }

    /// A unit needs no VPD pages; it must have the rest.
    private mutating func refuse(
        _ failure: CommandFailure, _ step: Step, of index: Int, _ command: SCSICommand
    ) throws(StorageError) {
        if step.page != nil, failure.isUnsupported { return }
        // A unit that isn't ready says so to every question.
        if let sense = failure.sense, !reports[index].refusals.insert(sense).inserted { return }
        throw failure.error(command.name, unit: "LUN \(reports[index].lun)")
    }

    private mutating func read(_ data: [UInt8], _ step: Step, of index: Int) throws(StorageError) {
        switch step {
        case .inquiry:
            let inquiry = try StandardInquiry(data)
            reports[index].inquiry = inquiry
            try follow(inquiry, of: index)
        case .identification: reports[index].identification = try DeviceIdentification(data)
        case .serial: reports[index].serial = try UnitSerialNumber(data).serial
        case .readiness: break
        case .capacity: reports[index].capacity = try ReadCapacity(data)
        case .limits: reports[index].limits = try BlockLimits(data)
        case .provisioning: reports[index].provisioning = try LogicalBlockProvisioning(data)
        }
    }

    private mutating func follow(_ inquiry: StandardInquiry, of index: Int) throws(StorageError) {
        guard inquiry.qualifier == 0 else {
            // A target without a unit 0 answers for it all the same (SPC-5, 6.7.2): that is no problem.
            guard inquiry.deviceType == .disk else { return }
            throw StorageError(.unavailable, "LUN \(reports[index].lun) is a disk that isn't connected at this portal")
        }
        for step in Step.details { ask(step, of: index) }
        guard inquiry.isDisk else { return }
        // First, so that it takes the UNIT ATTENTION of a new session; an offline unit of tgt tells its capacity all the same.
        ask(.readiness, of: index)
        ask(.capacity, of: index)
        if asksLimits {
            ask(.limits, of: index)
            ask(.provisioning, of: index)
        }
    }
}
