import SANEngine
import SANHost
import SANModel

/// The commands of a connection: those that wait, those that are with the target, those that are tried again.
///
/// Pure bookkeeping, no I/O.
struct CommandQueue {
    /// A command for a unit.
    struct Request {
        /// The first two bytes of the LUN: all that libiscsi can address (1.19).
        var lun: UInt16
        var command: SCSICommand
        /// Where the data is or goes; made for the command where it is nil and data moves.
        var buffer: TransferBuffer?
        var offset = 0
        /// The caller's own number, to know the outcome by.
        var tag: Int
        /// Give back a UNIT ATTENTION that says the unit may be another one now, rather than try again.
        var returnsIdentityChange = false
    }

    /// How a command ended, after retries.
    struct Outcome {
        var request: Request
        /// How many bytes moved.
        var moved: Int
        var failure: CommandFailure?

        var data: [UInt8] { request.buffer?.bytes(moved) ?? [] }
    }

    private struct Active {
        var request: Request
        var attentions = 0
        var delay = Duration.milliseconds(5)
    }

    /// The most commands that are with the target at once; shrinks where the target says that its task set is full.
    private(set) var window = 64
    /// The last time that the target brought something to an end, or that the first command went out.
    private(set) var quietSince = ContinuousClock.now

    private var nextID = CompletionID.firstCommand
    private var active: [UInt: Active] = [:]
    private var flights: [UInt: CommandFlight] = [:]
    private var waiting: [Request] = []
    /// How many of ``waiting`` have been sent.
    private var sent = 0
    /// When to send a command again that the target has given back.
    private var due: [UInt: ContinuousClock.Instant] = [:]
    /// Flights that have ended while libiscsi may still hold parts of them in its queue to send.
    private var retired: [CommandFlight] = []

    /// How many UNIT ATTENTIONs a command takes: each reports one event, and a unit has no more of them.
    private static let attentionLimit = 32
    private static let retiredLimit = 1_024

    /// How many commands have been handed over and not come back.
    var pending: Int { active.count + waiting.count - sent }

    /// How many commands are with libiscsi or the target.
    var underWay: Int { active.count - due.count }

    /// Nothing is with the target, or about to be sent again.
    var isIdle: Bool { active.isEmpty }

    /// The request that has been with the target for the longest time.
    var oldest: Request? { active.min { $0.key < $1.key }?.value.request }

    var nextDue: ContinuousClock.Instant? { due.values.min() }

    mutating func add(_ request: Request) {
        var request = request
        if request.buffer == nil, request.command.length > 0 {
            request.buffer = TransferBuffer(count: request.command.length)
        }
        waiting.append(request)
    }

    /// What is to be sent now; nil where nothing is, or no more may be.
    mutating func next() -> (id: UInt, request: Request)? {
        if let id = due.min(by: { $0.value < $1.value })?.key, due[id].map({ $0 <= .now }) == true {
            due[id] = nil
            return active[id].map { (id, $0.request) }
        }
        guard sent < waiting.count, active.count < window, retired.count < CommandQueue.retiredLimit else { return nil }
        if active.isEmpty { quietSince = .now }
        let request = waiting[sent]
        sent += 1
        if sent == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            sent = 0
        }
        let id = nextID
        nextID += 1
        active[id] = Active(request: request)
        return (id, request)
    }

    /// Keeps a command's memory until its completion came and ``reclaim()`` is called.
    mutating func keep(_ flight: CommandFlight, id: UInt) {
        flights[id] = flight
    }

    var holdsEnded: Bool { !retired.isEmpty }

    /// Frees what has ended, once libiscsi has nothing of it left to send: it looks at a task for each piece of data,
    /// and a target may answer before it has all of them.
    mutating func reclaim() {
        retired.removeAll(keepingCapacity: true)
    }

    /// What a completion means: an outcome, or nil where the command is tried again.
    mutating func complete(_ completion: CompletionInbox.Completion) -> Outcome? {
        if let flight = flights.removeValue(forKey: completion.id) { retired.append(flight) }
        guard var entry = active[completion.id] else { return nil }
        let failure = CommandFailure(status: completion.status, sense: completion.sense)
        if failure.isGood {
            active[completion.id] = nil
            quietSince = .now
            let moved = max(0, entry.request.command.length - completion.underflow)
            return Outcome(request: entry.request, moved: moved, failure: nil)
        }
        let givesBack = entry.request.returnsIdentityChange && completion.sense?.invalidatesIdentity == true
        if failure.isUnitAttention || failure.isAbortion, !givesBack, entry.attentions < CommandQueue.attentionLimit {
            entry.attentions += 1
            due[completion.id] = .now
            active[completion.id] = entry
            return nil
        }
        if failure.isBusy {
            window = max(1, min(window, active.count - due.count - 1))
            due[completion.id] = .now.advanced(by: entry.delay)
            entry.delay = min(entry.delay * 2, .seconds(1))
            active[completion.id] = entry
            return nil
        }
        active[completion.id] = nil
        quietSince = .now
        return Outcome(request: entry.request, moved: 0, failure: failure)
    }
}
