import SANEngine
import SANHost
import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A TCP connection to a portal, logged in, with the commands that are under way on it; lives on its session's thread.
///
/// This drives libiscsi: it waits in `poll(2)` with a deadline, and libiscsi never waits, reconnects or resolves names.
final class ISCSIConnection {
    typealias Request = CommandQueue.Request
    typealias Outcome = CommandQueue.Outcome

    let portal: Portal
    let target: String?
    let stop: StopRequest
    private(set) var isLost = false
    /// Whether the commands are many and small, and nobody waits for a single one.
    var gathersAnswers = false

    private var context: ISCSIContext?
    private var queue = CommandQueue()
    private var signalled: [UInt: Int32] = [:]

    init(portal: Portal, target: String?, context: consuming ISCSIContext, stop: StopRequest) {
        self.portal = portal
        self.target = target
        self.stop = stop
        self.context = consume context
    }

    deinit {
        // The context first: until it is gone it may use what the flights hold.
        context = nil
    }

    private static let answersAtOnce = 64
    /// Fewer than the segments that a TCP sends before the first is acknowledged (10, RFC 6928): nothing is while nothing is read.
    private static let answersTogether = 8
    /// How long an answer may lie in the socket for others to come.
    private static let gatheringTime = Duration.milliseconds(2)

    // MARK: Commands

    /// How many commands have been handed over and not come back.
    var pending: Int { queue.pending }

    func submit(_ request: Request) { queue.add(request) }

    /// Sends what there is to send and waits until a command has come back, or somebody signals ``StopRequest/wake``.
    ///
    /// - Parameters:
    ///   - deadline: nil for no limit.
    ///   - isFinal: whether the deadline ends it all; where not, an empty list is returned then.
    /// - Returns: what came back; empty after a signal.
    /// - Throws: `timed_out` naming the portal and the oldest command, `unavailable` where the connection is lost. It is of no use then.
    func wait(until deadline: Deadline?, isFinal: Bool = true) throws(StorageError) -> [Outcome] {
        while true {
            try sendWaiting()
            let outcomes = try collect()
            guard outcomes.isEmpty else { return outcomes }
            if deadline?.hasPassed == true {
                guard isFinal else { return [] }
                throw timeoutError()
            }
            let wasWoken = try turn(until: earliest(deadline))
            let more = try collect()
            if !more.isEmpty || wasWoken { return more }
        }
    }

    /// The same with a limit on how long the target may bring nothing to an end while it has commands.
    func wait(patience: Duration) throws(StorageError) -> [Outcome] {
        try wait(until: pending == 0 ? nil : Deadline(queue.quietSince.advanced(by: patience)))
    }

    /// Whether the target answers a NOP by then.
    func isAlive(by deadline: Deadline) -> Bool {
        guard !isLost, context != nil else { return false }
        do {
            try context?.ping(id: CompletionID.ping)
            return try end(of: CompletionID.ping, until: deadline) == CommandFailure.good
        } catch {
            return false
        }
    }

    // MARK: Session

    /// Connects and logs in; nil with ``redirection`` set where the target has moved.
    ///
    /// - Throws: `unavailable`, `timed_out`, `not_found`, `authentication_failed`, `permission_denied`, `backend_failure`.
    func open(address: String, credentials: CHAPCredentials?, until deadline: Deadline) throws(StorageError)
        -> Redirection?
    {
        Poll.blockBrokenPipeSignal()
        if let credentials { context?.setCredentials(credentials) }
        defer { context?.wipeCredentials() }
        try context?.connect(to: address, id: CompletionID.connect)
        if let descriptor = context?.descriptor { Poll.closeOnExec(descriptor) }
        try connected(to: address, until: deadline)
        try context?.login(id: CompletionID.login)
        let status = try end(of: CompletionID.login, until: deadline, waitingFor: "login")
        guard status != CommandFailure.good else { return nil }
        let text = context?.lastError ?? ""
        let redirection = context?.redirection ?? ""
        isLost = true
        let code = LoginFailure.status(in: text)
        if !redirection.isEmpty, status == CommandFailure.redirected || code.map({ $0 >> 8 == 1 }) == true {
            return Redirection(address: redirection)
        }
        throw LoginFailure.error(text: text, portal: portal, target: target, checksTarget: credentials?.target != nil)
    }

    struct Redirection {
        /// The target's own text.
        var address: String
    }

    /// SendTargets.
    ///
    /// - Throws: `timed_out`, `unavailable`, `backend_failure`.
    func discover(until deadline: Deadline) throws(StorageError) -> [DiscoveredTarget] {
        try context?.discover(id: CompletionID.discovery)
        let status = try end(of: CompletionID.discovery, until: deadline, waitingFor: "SendTargets")
        guard status == CommandFailure.good else {
            throw StorageError(
                .backendFailure, "The list of targets of \(portal) can't be used: \(context?.lastError ?? "")",
                subject: .host(portal.description))
        }
        return context?.inbox.takeDiscovered() ?? []
    }

    /// Logs out where the target still answers, and closes the connection.
    ///
    /// Never fails: there is nothing left to lose.
    func close(until deadline: Deadline) {
        defer {
            context = nil
            queue = CommandQueue()
        }
        guard !isLost, queue.isIdle, context?.isLoggedIn == true else { return }
        do {
            try context?.logout(id: CompletionID.logout)
            _ = try end(of: CompletionID.logout, until: deadline, waitingFor: "logout", endsOnStop: false)
        } catch {
            isLost = true
        }
    }

    // MARK: The loop

    /// Waits for the TCP connection; the reason of a failure is the socket's own, which libiscsi only has as text.
    private func connected(to address: String, until deadline: Deadline) throws(StorageError) {
        while true {
            guard let descriptor = context?.descriptor else { throw gone() }
            if deadline.hasPassed { throw lost(timeout("connection")) }
            try checkStop()
            let events = Poll.wait(
                [.init(descriptor: descriptor, events: Int16(POLLOUT)), wakeInterest], until: deadline)
            if events[1] != 0 { stop.wake.drain() }
            if events[0] & Int16(POLLERR | POLLHUP) != 0 {
                let reason = Errno(rawValue: Poll.pendingError(of: descriptor)).description
                throw lost(
                    StorageError(
                        .unavailable, "Can't connect to \(address): \(reason)", subject: .host(portal.description)))
            }
            guard events[0] & Int16(POLLOUT) != 0 else { continue }
            _ = context?.service(POLLOUT)
            take()
            guard signalled.removeValue(forKey: CompletionID.connect) == CommandFailure.good else {
                throw gone()
            }
            return
        }
    }

    /// Waits for the end of something that isn't a command.
    private func end(
        of id: UInt, until deadline: Deadline, waitingFor what: String = "NOP", endsOnStop: Bool = true
    ) throws(StorageError) -> Int32 {
        while true {
            take()
            if let status = signalled.removeValue(forKey: id) { return status }
            if deadline.hasPassed { throw lost(timeout(what)) }
            if endsOnStop { try checkStop() }
            do throws(StorageError) {
                _ = try turn(until: deadline)
            } catch {
                // A target may say why it refuses a login, and close: the answer counts.
                take()
                if let status = signalled.removeValue(forKey: id) { return status }
                throw error
            }
        }
    }

    /// One round: send, wait, receive.
    ///
    /// - Returns: whether somebody signalled.
    private func turn(until deadline: Deadline?) throws(StorageError) -> Bool {
        guard let descriptor = context?.descriptor, descriptor >= 0 else { throw gone() }
        if context?.wantsToWrite == true { try flush(descriptor) }
        let interest = Int16(POLLIN) | (context?.wantsToWrite == true ? Int16(POLLOUT) : 0)
        let events = wait(for: .init(descriptor: descriptor, events: interest), until: deadline)
        // What a target sent before it closed is read first: with an error among the events libiscsi would throw it away.
        if events[0] & Int16(POLLIN) != 0 {
            try service(POLLIN | Int32(events[0]) & POLLOUT)
            // Answers that came together are heard together, and what follows from them is sent together. One look for
            // each keeps the end of a connection for the next round: what was answered before it counts.
            var heard = 1
            while heard < ISCSIConnection.answersAtOnce, Poll.holdsBytes(descriptor) {
                try service(POLLIN)
                heard += 1
            }
        } else if events[0] != 0 {
            try service(Int32(events[0]))
        }
        guard events[1] != 0 else { return false }
        stop.wake.drain()
        return true
    }

    /// Waits until there is something to do on the socket, or somebody signals.
    ///
    /// Where many small commands are under way, for a few of their answers together: waking for each one costs this thread, and a
    /// target on the same host, more than the answer itself.
    private func wait(for interest: Poll.Interest, until deadline: Deadline?) -> [Int16] {
        let expected = gathersAnswers ? queue.underWay - (context?.unsent ?? 0) : 0
        let answers = min(expected / 4, ISCSIConnection.answersTogether)
        if answers > 1, interest.events == Int16(POLLIN) {
            // Each answer is a header of 48 bytes at least (RFC 7143, 11.2.1). Units that are slow don't keep those waiting that aren't.
            Poll.setLowWater(of: interest.descriptor, to: answers * 48)
            defer { Poll.setLowWater(of: interest.descriptor, to: 1) }
            let soon = Deadline.after(ISCSIConnection.gatheringTime)
            let events = Poll.wait([interest, wakeInterest], until: deadline.map { min($0, soon) } ?? soon)
            if events.contains(where: { $0 != 0 }) { return events }
        }
        return Poll.wait([interest, wakeInterest], until: deadline)
    }

    /// Sends all that is queued, small commands packed into one segment: libiscsi hands them to the kernel one by one (1.19).
    private func flush(_ descriptor: Int32) throws(StorageError) {
        Poll.cork(descriptor, true)
        defer { Poll.cork(descriptor, false) }
        try service(POLLOUT)
    }

    private func service(_ events: Int32) throws(StorageError) {
        let wasLoggedIn = context?.isLoggedIn ?? false
        let worked = context?.service(events) ?? false
        // A target that asks for a logout ends the session without a callback for what is under way.
        guard worked, !wasLoggedIn || context?.isLoggedIn == true || queue.isIdle else { throw gone() }
    }

    private var wakeInterest: Poll.Interest { .init(descriptor: stop.wake.descriptor, events: Int16(POLLIN)) }

    private func earliest(_ deadline: Deadline?) -> Deadline? {
        guard let first = queue.nextDue.map({ Deadline($0) }) else { return deadline }
        return deadline.map { min($0, first) } ?? first
    }

    /// - Throws: `cancelled`, before the session is of use: commands under way are their callers' to end.
    private func checkStop() throws(StorageError) {
        if stop.isRequested { throw lost(StorageError(.cancelled, "Cancelled while waiting for \(portal)")) }
    }

    // MARK: Sending and collecting

    private func sendWaiting() throws(StorageError) {
        if queue.holdsEnded, context?.hasSentAll == true { queue.reclaim() }
        while let (id, request) = queue.next() {
            let flight = try CommandFlight(request.command, buffer: request.buffer, offset: request.offset)
            queue.keep(flight, id: id)
            do throws(StorageError) {
                try context?.send(flight, lun: request.lun, id: id)
            } catch {
                throw gone()
            }
        }
    }

    /// Moves what callbacks said out of the inbox.
    private func take() {
        for completion in context?.inbox.takeCompletions() ?? [] where completion.id < CompletionID.firstCommand {
            signalled[completion.id] = completion.status
        }
    }

    private func collect() throws(StorageError) -> [Outcome] {
        var outcomes: [Outcome] = []
        var isCancelled = false
        for completion in context?.inbox.takeCompletions() ?? [] {
            guard completion.id >= CompletionID.firstCommand else {
                signalled[completion.id] = completion.status
                continue
            }
            isCancelled = isCancelled || completion.status == CommandFailure.cancelled
            if let outcome = queue.complete(completion) { outcomes.append(outcome) }
        }
        // libiscsi ends all commands when the connection is lost, and may then go on as if nothing had happened (1.19).
        if isCancelled { throw gone() }
        return outcomes
    }

    // MARK: Failures

    private func lost(_ error: StorageError) -> StorageError {
        isLost = true
        return error
    }

    private func gone() -> StorageError {
        // It may be older than the loss: libiscsi has no text for a connection that was just closed.
        let text = context?.lastError ?? ""
        let cause = StorageError(.backendFailure, "libiscsi's last error was: \(text)")
        return lost(
            StorageError(
                .unavailable, "The connection to \(portal) is lost", subject: .host(portal.description),
                causes: text.isEmpty ? [] : [cause]))
    }

    /// The error of a target that is silent; the connection is of no use after it.
    func timeoutError() -> StorageError { lost(timeout()) }

    private func timeout(_ what: String? = nil) -> StorageError {
        let oldest = queue.oldest
        let waitedFor = oldest.map { "\($0.command.name) of LUN \(LogicalUnitNumber(word: $0.lun))" }
        return StorageError(
            .timedOut, "\(portal) didn't answer the \(what ?? waitedFor ?? "command") in time",
            subject: .host(portal.description))
    }
}

extension LogicalUnitNumber {
    /// The unit of a one-level LUN's first two bytes.
    init(word: UInt16) {
        self.init(raw: UInt64(word) << 48)
    }

    /// The two bytes that address the unit; nil for a LUN that needs more of them than libiscsi sends (1.19).
    var word: UInt16? {
        raw & 0x0000_FFFF_FFFF_FFFF == 0 ? UInt16(truncatingIfNeeded: raw >> 48) : nil
    }
}
