import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The guest's iSCSI initiator: `iscsid` with records and a configuration of the test's own.
public final class LabInitiator: Sendable {
    public let name: String
    private let lab: Lab
    private let daemon: Mutex<pid_t>

    /// - Parameter settings: of `iscsid.conf`, as `node.session.timeo.replacement_timeout`.
    init(_ lab: Lab, name: String, settings: [String: String]) async throws {
        try await lab.load("iscsi_tcp")
        self.lab = lab
        self.name = name
        daemon = Mutex(0)
        lab.atEnd("The initiator") { [self] in try await remove() }
        try LabFile.makeFolder("/run/lock/iscsi")
        try LabFile.write("/etc/iscsi/initiatorname.iscsi", "InitiatorName=\(name)\n")
        let lines = settings.merging(["node.startup": "manual"]) { given, _ in given }.map {
            "\($0.key) = \($0.value)\n"
        }
        try LabFile.write("/etc/iscsi/iscsid.conf", lines.sorted().joined())
        try await start()
    }

    // MARK: The daemon

    /// Starts `iscsid`, and waits until it takes commands.
    public func start() async throws {
        let pid = try Spawn.start(
            ["/usr/sbin/iscsid", "--foreground"], environment: [], log: lab.folder.appending("iscsid.log"),
            package: "open-iscsi")
        daemon.withLock { $0 = pid }
        try await lab.wait(for: "iscsid to listen") {
            guard Spawn.isRunning(pid) else {
                throw LabFailure("iscsid ended: \((try? LabFile.read(self.lab.folder.appending("iscsid.log"))) ?? "")")
            }
            return try LabFile.read("/proc/net/unix").contains("@ISCSIADM_ABSTRACT_NAMESPACE")
        }
    }

    /// Ends `iscsid` by its pid; sessions that are logged in stay in the kernel.
    public func stop() {
        daemon.withLock { pid in
            if pid > 0 { Spawn.end(pid) }
            pid = 0
        }
    }

    // MARK: Commands

    /// Runs `iscsiadm`, which has to succeed.
    ///
    /// - Returns: its output.
    @discardableResult
    public func administer(_ arguments: String...) async throws -> String {
        let result = try await lab.attempt("iscsiadm", arguments)
        guard result.status == 0 else {
            throw LabFailure(
                "iscsiadm \(arguments.joined(separator: " ")) exited with \(result.status): \(result.diagnostics)")
        }
        return String(decoding: result.output, as: UTF8.self)
    }

    /// Makes node records of what a portal offers, without a login.
    ///
    /// - Returns: lines as `10.99.0.1:3260,1 iqn.2013-06.com.example:iscsi-pool`.
    @discardableResult
    public func discover(_ portal: String = "10.99.0.1:3260") async throws -> [String] {
        try await administer("-m", "discovery", "-t", "sendtargets", "-p", portal).split(separator: "\n").map(
            String.init)
    }

    /// Logs in through every portal that a record is there for, and waits until udev has dealt with what came of it.
    public func logIn(_ iqn: String) async throws {
        try await administer("-m", "node", "-T", iqn, "--login")
        try await lab.settle()
    }

    public func logOut(_ iqn: String) async throws {
        try await administer("-m", "node", "-T", iqn, "--logout")
        try await lab.settle()
    }

    /// The kernel's sessions, as `session1`.
    public var sessions: [String] { LabFile.names(in: "/sys/class/iscsi_session") }

    /// The kernel's word for a session's state: `LOGGED_IN`, `FAILED`, `FREE`.
    public func state(of session: String) throws -> String {
        try LabFile.read(FilePath("/sys/class/iscsi_session/\(session)/state"))
    }

    // MARK: The end

    private func remove() async throws {
        if daemon.withLock({ $0 }) == 0, !sessions.isEmpty { try await start() }
        if !sessions.isEmpty {
            let result = try await lab.attempt("iscsiadm", ["-m", "session", "--logout"])
            try await lab.wait(for: "the end of sessions (iscsiadm: \(result.diagnostics))") { self.sessions.isEmpty }
        }
        stop()
        for folder in ["nodes", "send_targets", "static", "isns", "fw", "slp", "ifaces"] {
            for root in ["/etc/iscsi", "/var/lib/iscsi"] { try await lab.run("rm", "-rf", "\(root)/\(folder)") }
        }
        try await lab.settle()
    }
}

extension Lab {
    /// Starts the guest's iSCSI initiator, without a record and without a session.
    public func initiator(
        _ name: String = "iqn.2013-06.com.example:initiator", settings: [String: String] = [:]
    ) async throws -> LabInitiator {
        try await LabInitiator(self, name: name, settings: settings)
    }
}
