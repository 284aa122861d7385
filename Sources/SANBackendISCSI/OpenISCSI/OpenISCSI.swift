import SANEngine
import SANHost
import SANModel

/// open-iscsi of this host, as far as it is used: the sessions are read from sysfs, the records are written by ``RecordFolder``.
struct OpenISCSI: Sendable {
    let host: HostRoot
    let commands: any CommandRunner
    /// How long one run of iscsiadm may take.
    let patience: Duration

    /// Where iscsid listens, or systemd for it.
    static let daemonSocket = AbstractSocket("ISCSIADM_ABSTRACT_NAMESPACE")

    /// How long one attempt to log in may take, and how many there are: iscsid's own defaults are 15 s, eight times (L52).
    static let loginSeconds = 5
    static let loginAttempts = 1
    /// How long a portal may be silent in a discovery.
    private static let answerSeconds = 15

    /// Digests for CHAP, the best first (L69); iscsid passes by those that the kernel can't do.
    static let algorithms = ["SHA3-256", "SHA256", "SHA1", "MD5"]

    /// - Throws: `unavailable` without open-iscsi, `permission_denied`, `host_failure`.
    func records(until deadline: Deadline) async throws(StorageError) -> RecordFolder {
        guard let program = commands.locate(.iscsiadm) else {
            throw StorageError(
                .unavailable, "iscsiadm isn't installed; install the package \(Tool.iscsiadm.package)",
                subject: .tool("iscsiadm"))
        }
        let host = host
        return try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "open-iscsi's database"
        ) { () throws(StorageError) in try RecordFolder.locate(program: program, on: host) }
    }

    // MARK: Discovery

    /// What a portal offers, by SendTargets; nothing of it is kept (L58).
    ///
    /// A record of the discovery is made for as long as it takes, for its time-outs and its secret; where somebody has one of that portal, that
    /// one is used as it is.
    ///
    /// - Throws: `unavailable`, `timed_out`, `authentication_failed`, `not_found`, `backend_failure`, `host_failure`.
    func discover(
        _ portal: Portal, interface: String?, credentials: CHAPCredentials?, in records: RecordFolder,
        until deadline: Deadline
    ) async throws(StorageError) -> [(target: String, portal: TargetPortal)] {
        let isTheirs = try records.hasDiscovery(portal)
        if !isTheirs {
            var record = Self.discovery(portal)
            record.setCredentials(credentials, prefix: "discovery.sendtargets.auth", algorithms: Self.algorithms)
            try records.writeDiscovery(record, portal)
            record.wipe()
        }
        var arguments = ["--mode", "discoverydb", "--type", "sendtargets", "--portal", portal.description]
        if let interface { arguments += ["--interface", interface] }
        arguments += ["--op", "nonpersistent", "--discover"]
        let action = "ask \(portal) for its targets"
        let begin = ContinuousClock.now
        let result = await result(Command(.iscsiadm, arguments), action, until: deadline)
        if !isTheirs { try records.removeDiscovery(portal) }
        do throws(StorageError) {
            return DiscoveryOutput.parse(try result.get().output)
        } catch {
            guard error.code == .backendFailure else { throw error }
            throw Self.refusal(error, action, after: begin.duration(to: .now))
        }
    }

    /// What it means that a login for discovery came to nothing: iscsiadm has one code (19) for a portal that refuses and one that says nothing.
    private static func refusal(_ error: StorageError, _ action: String, after time: Duration) -> StorageError {
        if time >= .seconds(answerSeconds) {
            return StorageError(
                .timedOut, "Can't \(action): the portal takes connections and says nothing", subject: error.subject,
                causes: [error])
        }
        return StorageError(
            .authenticationFailed,
            "Can't \(action): the portal doesn't let this initiator in, or refuses its CHAP name or secret, or wants one",
            subject: error.subject, causes: [error])
    }

    private static func discovery(_ portal: Portal) -> NodeRecord {
        NodeRecord(
            Array(
                """
                # BEGIN RECORD
                \(RecordFolder.discoveryMark)
                discovery.startup = manual
                discovery.type = sendtargets
                discovery.sendtargets.address = \(portal.host)
                discovery.sendtargets.port = \(portal.port)
                discovery.sendtargets.timeo.login_timeout = \(loginSeconds)
                discovery.sendtargets.timeo.auth_timeout = \(loginSeconds)
                discovery.sendtargets.timeo.active_timeout = \(answerSeconds)
                discovery.sendtargets.use_discoveryd = No
                discovery.sendtargets.reopen_max = 1
                discovery.sendtargets.iscsi.MaxRecvDataSegmentLength = 32768
                # END RECORD

                """.utf8))
    }

    // MARK: Nodes

    /// Makes a record with iscsid.conf's settings.
    ///
    /// Equivalent to: `iscsiadm --mode node --op new --targetname TARGET --portal PORTAL --interface INTERFACE`
    func makeRecord(
        _ target: String, _ portal: TargetPortal, interface: String, until deadline: Deadline
    ) async throws(StorageError) {
        try await onRecord(
            ["--op", "new"], target, portal, interface: interface, "make a record of \(target.printable)",
            until: deadline)
    }

    /// Logs in to one portal, and returns when the session is up.
    ///
    /// Cancelled, iscsid goes on with it.
    func logIn(
        _ target: String, _ portal: TargetPortal, interface: String, until deadline: Deadline
    ) async throws(StorageError) {
        try await onRecord(
            ["--login"], target, portal, interface: interface, "log in to \(target.printable) at \(portal)",
            until: deadline)
    }

    /// Asks iscsid for a session, and doesn't wait for it.
    func requestLogin(
        _ target: String, _ portal: TargetPortal, interface: String, until deadline: Deadline
    ) async throws(StorageError) {
        try await onRecord(
            ["--login", "--no_wait"], target, portal, interface: interface,
            "log in to \(target.printable) at \(portal)", until: deadline)
    }

    /// Works on the record of one portal and interface.
    private func onRecord(
        _ verb: [String], _ target: String, _ portal: TargetPortal, interface: String, _ purpose: String,
        until deadline: Deadline
    ) async throws(StorageError) {
        let record = ["--targetname", target, "--portal", "\(portal.portal),\(portal.group)", "--interface", interface]
        _ = try await result(Command(.iscsiadm, ["--mode", "node"] + record + verb), purpose, until: deadline).get()
    }

    /// Logs out of every session to a target that was made through an interface.
    ///
    /// An iscsid that was started anew learns of the sessions that are there in its own time, and connects each again; it is asked until it has.
    func logOut(_ target: String, interface: String, until deadline: Deadline) async throws(StorageError) {
        // iscsiadm says that there is no session (21) where it can't reach iscsid.
        try await requireDaemon(until: deadline)
        let command = Command(
            .iscsiadm, ["--mode", "node", "--targetname", target, "--interface", interface, "--logout"])
        let end = min(deadline, .after(patience))
        var pause = Duration.milliseconds(250)
        while true {
            let action = "log out of \(target.printable)"
            let output = try await output(of: command, action, until: deadline).get()
            guard let error = await failure(output, action) else { return }
            guard OpenISCSIFailure.mayBeOfNewDaemon(output.status), end.remaining > pause else { throw error }
            do {
                try await Task.sleep(for: pause)
            } catch {
                throw StorageError(.cancelled, "Cancelled while logging out of \(target.printable)")
            }
            pause = min(pause * 2, .seconds(2))
        }
    }

    /// - Throws: `unavailable` where nobody listens for iscsiadm.
    private func requireDaemon(until deadline: Deadline) async throws(StorageError) {
        let host = host
        let isThere = try await withBlockingThread(
            named: "san-iscsi", until: deadline, waitingFor: "iscsid's socket"
        ) { () throws(StorageError) in try Self.daemonSocket.isBound(on: host) }
        if !isThere {
            throw StorageError(.unavailable, OpenISCSIFailure.noDaemon, subject: .tool("iscsid"))
        }
    }

    // MARK: Running

    private func result(
        _ command: Command, _ action: String, until deadline: Deadline
    ) async -> Result<CommandOutput, StorageError> {
        let result = await output(of: command, action, until: deadline)
        if case .success(let output) = result, let error = await failure(output, action) { return .failure(error) }
        return result
    }

    /// What a run that ended says of its failure; nil where it succeeded.
    private func failure(_ output: CommandOutput, _ action: String) async -> StorageError? {
        guard let error = OpenISCSIFailure.error(output.status, output.diagnostics, action) else { return nil }
        return error.code == .unavailable ? await explaining(error) : error
    }

    /// A run to its end, whatever that says.
    private func output(
        of command: Command, _ action: String, until deadline: Deadline
    ) async -> Result<CommandOutput, StorageError> {
        do throws(StorageError) {
            return .success(try await commands.run(command, until: min(deadline, .after(patience))))
        } catch {
            guard error.code == .timedOut else { return .failure(error) }
            let late = StorageError(
                .timedOut, "Waited in vain to \(action): iscsid doesn't answer, or the target doesn't",
                subject: .tool("iscsiadm"), causes: [error])
            return .failure(await explaining(late))
        }
    }

    /// Adds what is known to make iscsiadm and iscsid misunderstand each other: they must be of one version (L56).
    private func explaining(_ error: StorageError) async -> StorageError {
        guard let client = await version(.iscsiadm), let daemon = await version(.iscsid), client != daemon else {
            return error
        }
        return error.adding(
            cause: StorageError(
                .unavailable,
                "iscsiadm is of version \(client.printable) and iscsid of \(daemon.printable): make them one, and restart iscsid",
                subject: .tool("iscsid")))
    }

    /// What a program says of its version; nil where it says nothing.
    private func version(_ tool: Tool) async -> String? {
        let deadline = Deadline.after(.seconds(5))
        guard
            let output = try? await commands.run(Command(tool, ["--version"]), until: deadline),  // explains only
            output.status == 0
        else { return nil }
        return String(decoding: output.output, as: UTF8.self).split(whereSeparator: \.isWhitespace).last.map(
            String.init)
    }
}

/// What a discovery prints: `10.99.0.1:3260,1 iqn.2003-01.org.example:t1`.
enum DiscoveryOutput {
    /// More than any target has.
    private static let limit = 4096

    /// Lines that aren't of this form, and names that can't be a target's, are passed by: they come from the network.
    static func parse(_ bytes: [UInt8]) -> [(target: String, portal: TargetPortal)] {
        var found: [(target: String, portal: TargetPortal)] = []
        for line in bytes.split(separator: 0x0A).prefix(limit) {
            guard let text = String(validating: line, as: UTF8.self) else { continue }
            let parts = text.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 2, let comma = parts[0].lastIndex(of: ","),
                let group = Int32(parts[0][parts[0].index(after: comma)...]),
                let portal = try? Portal(  // not a portal: passed by
                    parsing: String(parts[0][..<comma]), defaultPort: Portal.iscsiPort),
                TargetName.isValid(String(parts[1]))
            else { continue }
            found.append((String(parts[1]), TargetPortal(portal: portal, group: group)))
        }
        return found
    }
}
