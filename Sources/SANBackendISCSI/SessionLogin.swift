import SANEngine
import SANHost
import SANModel

/// Logs in to every portal that a target offers on some hosts, all at once.
///
/// Each host is asked for its portals, and each portal is logged in to as soon as it is known, so that one that doesn't answer keeps nobody
/// waiting (L52). Once a session is up, the others have a fifth more of the time that it took; those that have accepted a connection by then are
/// waited for.
struct SessionLogin: Sendable {
    let openISCSI: OpenISCSI
    let records: RecordFolder
    let source: ISCSISource
    let interface: String
    let credentials: CHAPCredentials?
    let coordinator: HostCoordinator
    let pace: SessionPace
    /// The sessions that are there: their portals are not logged in to again (L53).
    let existing: [ISCSISession]

    /// What came of it.
    struct Outcome: Sendable {
        /// Portals that a session of ours is new at.
        var loggedIn: [TargetPortal] = []
        /// Portals of the target, those with a session included.
        var offered: [TargetPortal] = []
        var failures: [StorageError] = []
    }

    let connections: any PortalConnections

    private enum Event: Sendable {
        case offered([TargetPortal])
        case notOffered(Portal)
        case loggedIn(TargetPortal)
        case failed(TargetPortal?, StorageError)
        case graceEnded
    }

    /// - Returns: what came of it, with at least one session to the target, new or old, unless all failed.
    /// - Throws: `cancelled`, `host_failure`.
    func run(until deadline: Deadline) async throws(StorageError) -> Outcome {
        let template = TemplateRecord()
        let begin = ContinuousClock.now
        let outcome: Result<Outcome, StorageError> = await withTaskGroup(of: Event.self) { group in
            var outcome = Outcome()
            var claimed: Set<TargetPortal> = []
            var asked: Set<TargetPortal> = []
            for portal in source.portals {
                group.addTask { await discover(at: portal, until: deadline) }
            }
            var pending = source.portals.count
            waiting: while pending > 0, let event = await group.next() {
                pending -= 1
                switch event {
                case .offered(let portals):
                    for portal in portals where claimed.insert(portal).inserted {
                        outcome.offered.append(portal)
                        guard !existing.contains(where: { $0.uses(portal.portal) }) else { continue }
                        pending += 1
                        asked.insert(portal)
                        group.addTask { await logIn(at: portal, template, until: deadline) }
                    }
                case .notOffered(let portal):
                    outcome.failures.append(
                        StorageError(
                            .notFound, "The portal \(portal) offers no target \(source.target.printable)",
                            subject: .target(source.target.printable)))
                case .loggedIn(let portal):
                    outcome.loggedIn.append(portal)
                    asked.remove(portal)
                    guard outcome.loggedIn.count == 1 else { break }
                    let grace = max(begin.duration(to: .now) / 5, pace.portals)
                    group.addTask { await Self.graceEnd(after: grace) }
                case .failed(let portal, let error):
                    outcome.failures.append(error)
                    if let portal { asked.remove(portal) }
                case .graceEnded:
                    pending += 1
                    guard isAnswered(by: asked) else { break waiting }
                    group.addTask { await Self.graceEnd(after: pace.portals) }
                }
            }
            group.cancelAll()
            if Task.isCancelled { return .failure(StorageError(.cancelled, "Cancelled while logging in")) }
            return .success(outcome)
        }
        return try outcome.get()
    }

    private func discover(at portal: Portal, until deadline: Deadline) async -> Event {
        do throws(StorageError) {
            let lock = try await coordinator.hold(.portal(portal), for: "discovery", until: deadline)
            defer { lock.release() }
            let found = try await offered(at: portal, until: deadline).filter { $0.target == source.target }
            return found.isEmpty ? .notOffered(portal) : .offered(found.map(\.portal))
        } catch {
            return .failed(nil, error.about(.target, source.target.printable))
        }
    }

    /// Ends early when it is cancelled, as all have answered.
    private static func graceEnd(after time: Duration) async -> Event {
        try? await Task.sleep(for: time)  // see above
        return .graceEnded
    }

    /// Whether one of the portals has accepted a connection: it is slow, and not dead.
    private func isAnswered(by portals: Set<TargetPortal>) -> Bool {
        portals.contains { portal in
            (try? connections.isEstablished(to: portal.portal)) ?? false  // what can't be known makes nobody wait
        }
    }

    /// Asks without a secret first: discovery seldom wants one, and a target that wants none may refuse who has one.
    private func offered(
        at portal: Portal, until deadline: Deadline
    ) async throws(StorageError) -> [(target: String, portal: TargetPortal)] {
        let name = source.initiator == nil ? nil : interface
        do throws(StorageError) {
            return try await openISCSI.discover(
                portal, interface: name, credentials: nil, in: records, until: deadline)
        } catch {
            guard error.code == .authenticationFailed, let credentials else { throw error }
            return try await openISCSI.discover(
                portal, interface: name, credentials: credentials, in: records, until: deadline)
        }
    }

    private func logIn(at portal: TargetPortal, _ template: TemplateRecord, until deadline: Deadline) async -> Event {
        do throws(StorageError) {
            var record = try await template.record { () async throws(StorageError) in
                try await openISCSI.makeRecord(source.target, portal, interface: interface, until: deadline)
                return try records.node(source.target, portal, interface: interface)
            }
            Self.prepare(&record, for: portal, credentials)
            try records.writeNode(record, source.target, portal, interface: interface)
            record.wipe()
            try await openISCSI.logIn(source.target, portal, interface: interface, until: deadline)
            return .loggedIn(portal)
        } catch {
            return .failed(portal, error.about(.target, source.target.printable))
        }
    }

    /// What is ours to say in a record; the rest is iscsid.conf's.
    static func prepare(_ record: inout NodeRecord, for portal: TargetPortal, _ credentials: CHAPCredentials?) {
        record["node.tpgt"] = String(portal.group)
        record["node.startup"] = "manual"
        record["node.conn[0].startup"] = "manual"
        record["node.leading_login"] = "No"
        record["node.session.scan"] = "manual"
        record["node.session.nr_sessions"] = "1"
        record["node.session.initial_login_retry_max"] = String(OpenISCSI.loginAttempts)
        record["node.conn[0].timeo.login_timeout"] = String(OpenISCSI.loginSeconds)
        record["node.conn[0].address"] = portal.portal.host
        record["node.conn[0].port"] = String(portal.portal.port)
        record.setCredentials(credentials, prefix: "node.session.auth", algorithms: OpenISCSI.algorithms)
    }
}

/// The record that iscsiadm makes of one portal, with iscsid.conf's settings: made by whoever needs it first, for all.
private actor TemplateRecord {
    private var made: Task<Result<NodeRecord, StorageError>, Never>?

    func record(
        _ make: @escaping @Sendable () async throws(StorageError) -> NodeRecord
    ) async throws(StorageError) -> NodeRecord {
        if made == nil {
            made = Task {
                do throws(StorageError) {
                    return .success(try await make())
                } catch {
                    return .failure(error)
                }
            }
        }
        guard let made else { throw StorageError(.hostFailure, "There is no record") }
        return try await made.value.get()
    }
}
