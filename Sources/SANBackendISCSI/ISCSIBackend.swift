import SANBlockVolumes
public import SANEngine
public import SANHost
public import SANModel

/// The `iscsi` pool: the LUNs of one target, through sessions that open-iscsi makes on this host.
///
/// Starting a pool logs in to every portal that the target offers on the pool's hosts, through an interface of the pool's own, so that what is
/// the pool's can be told from what others made: sessions that are there already are used and left alone.
public struct ISCSIBackend: StorageBackend, SourceDiscovery {
    public static let type = PoolType.iscsi

    let openISCSI: OpenISCSI
    let events: any DeviceEventSource
    let pace: SessionPace
    let interview: any UnitInterviewing
    let connections: any PortalConnections

    var host: HostRoot { openISCSI.host }

    public init(host: HostRoot, commands: any CommandRunner, events: any DeviceEventSource) {
        self.init(host: host, commands: commands, events: events, pace: .standard)
    }

    init(
        host: HostRoot, commands: any CommandRunner, events: any DeviceEventSource, pace: SessionPace,
        interview: any UnitInterviewing = UnitInterview(), connections: (any PortalConnections)? = nil
    ) {
        openISCSI = OpenISCSI(host: host, commands: commands, patience: pace.command)
        self.events = events
        self.pace = pace
        self.interview = interview
        self.connections = connections ?? TCPConnections(host: host)
    }

    /// Whether open-iscsi is installed, its daemon can be reached, and the kernel has software iSCSI.
    public func availability() async -> Availability {
        let package = Tool.iscsiadm.package
        guard openISCSI.commands.locate(.iscsiadm) != nil else {
            return Availability(isAvailable: false, reason: "iscsiadm isn't installed", package: package)
        }
        let host = host
        do throws(StorageError) {
            let hasDaemon = try await withBlockingThread(
                named: "san-iscsi", until: .after(.seconds(30)), waitingFor: "iscsid's socket"
            ) { () throws(StorageError) in try OpenISCSI.daemonSocket.isBound(on: host) }
            guard hasDaemon else {
                return Availability(
                    isAvailable: false, reason: OpenISCSIFailure.noDaemon)
            }
            return Availability(isAvailable: true)
        } catch {
            return Availability(isAvailable: false, reason: error.message)
        }
    }

    public func validate(_ definition: PoolDefinition) throws(StorageError) {
        _ = try ISCSISource(definition.source)
        _ = try BlockVolumes(host: host, targetPath: definition.target?.path)
    }

    /// The pool where there is a session to its target, whoever made it, or something that a start of the pool left.
    public func adopt(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> ISCSIPool? {
        let pool = try pool(of: definition)
        return try await pool.isThere(until: context.deadline) ? pool : nil
    }

    /// - Throws: `not_found` where no host of the pool knows the target, `authentication_failed`, `unavailable`, `timed_out`, `backend_failure`;
    ///   no session, record or interface of the pool is left then, or the causes say which.
    public func activate(
        _ definition: PoolDefinition, in context: OperationContext
    ) async throws(StorageError) -> Change<ISCSIPool> {
        let pool = try pool(of: definition)
        let isChanged = try await pool.logIn(in: context)
        return isChanged ? .changed(pool) : .unchanged(pool)
    }

    /// The targets that the query's hosts offer, through SendTargets, with CHAP where the query has it; nothing of it is kept.
    ///
    /// Each source has the hosts of the query that offer its target, or the first portal where a target isn't offered at the one that was asked.
    ///
    /// Equivalent to: `iscsiadm -m discovery -t sendtargets -p HOST -o nonpersistent`
    public func discoverSources(
        _ query: PoolSource, in context: OperationContext
    ) async throws(StorageError) -> [PoolSource] {
        guard !query.hosts.isEmpty else {
            throw StorageError(.invalidArgument, "A discovery needs the host of a target: give one")
        }
        let authentication = try CHAPResolution.checked(query.authentication, of: .iscsi)
        let credentials = try await CHAPResolution.credentials(
            for: authentication, target: nil, from: context.secrets)
        try credentials?.requireRecordable(authentication?.secret)
        let records = try await openISCSI.records(until: context.deadline)
        let initiator = try query.initiator.map { name throws(StorageError) in try IQN(name).description }
        var sources: [String: PoolSource] = [:]
        for host in query.hosts {
            let portal = try Portal(iscsi: host)
            let lock = try await context.coordinator.hold(.portal(portal), for: "find-sources", until: context.deadline)
            defer { lock.release() }
            // Of the portal, so that one which a killed process left is replaced and goes.
            let interface = initiator.map { _ in Self.discoveryInterface(of: portal) }
            if let interface { try records.writeInterface(interface, initiator: initiator) }
            let found: Result<[(target: String, portal: TargetPortal)], StorageError>
            do throws(StorageError) {
                found = .success(
                    try await openISCSI.discover(
                        portal, interface: interface, credentials: credentials, in: records, until: context.deadline))
            } catch {
                found = .failure(error)
            }
            if let interface { _ = try records.removeInterface(interface) }
            for (target, _) in try found.get() {
                var source = sources[target] ?? PoolSource()
                source.devices = [PoolSource.Device(path: target)]
                source.authentication = authentication
                source.initiator = query.initiator
                if !source.hosts.contains(host) { source.hosts.append(host) }
                sources[target] = source
            }
        }
        return sources.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func discoveryInterface(of portal: Portal) -> String {
        let host = portal.host.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "." }
        return "sanctl-find-\(String(host.prefix(64)))-\(portal.port)"
    }

    private func pool(of definition: PoolDefinition) throws(StorageError) -> ISCSIPool {
        guard let uuid = definition.uuid else {
            throw StorageError(.invalidArgument, "The pool has no UUID", subject: .pool(definition.name.printable))
        }
        return ISCSIPool(
            name: definition.name, source: try ISCSISource(definition.source),
            interface: ISCSIPool.interface(of: uuid),
            volumes: try BlockVolumes(host: host, targetPath: definition.target?.path, interview: interview),
            backend: self)
    }
}

/// How long is waited for what comes by itself.
struct SessionPace: Sendable, Hashable {
    /// For the next of the disks, links and maps of LUNs that a scan has found.
    var disks: Duration
    /// For portals that haven't answered when the LUNs of the others are there.
    var portals: Duration

    /// For one run of iscsiadm, which waits for ever for an iscsid that hangs.
    var command: Duration
    /// For the scan of one session: a target that has just died is waited for by the kernel for minutes.
    var scan: Duration
    /// For a login that was asked for and that iscsid hasn't given up on.
    var pendingLogin: Duration

    static let standard = SessionPace(
        disks: .seconds(10), portals: .milliseconds(100), command: .seconds(90), scan: .seconds(60),
        pendingLogin: .seconds(OpenISCSI.loginSeconds + 3))
}
