public import SANModel

/// multipathd, asked over its socket; only ever when it runs already.
///
/// systemd holds the socket of a multipathd that doesn't run, and starts it for whoever connects: a question would change the host (L47).
public struct MultipathDaemon: Sendable {
    private let host: HostRoot

    public init(host: HostRoot) {
        self.host = host
    }

    /// Whether multipathd runs, by its pid file and the name of that process.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public func isRunning() throws(StorageError) -> Bool {
        let run = SysfsFolder("/run", on: host)
        guard let text = try run.text("multipathd.pid"), let process = UInt64(decimal: text.trimmedOfSpaces),
            process > 0
        else { return false }
        return try SysfsFolder("/proc/\(process)", on: host).text("comm") == "multipathd"
    }

    /// What multipathd thinks of each path that it knows, by its number; nil where it doesn't run.
    ///
    /// One question for all of them: a question for each map takes time that grows with the square of their number (L90).
    ///
    /// Equivalent to: `multipathd show paths raw format "%D %T %o %p"`
    ///
    /// - Throws: `unavailable`, `timed_out`, `cancelled`, `host_failure`.
    public func paths(until deadline: Deadline) async throws(StorageError) -> [DeviceNumber: CheckedPath]? {
        guard let reply = try await ask("show paths raw format \"%D|%T|%o|%p\"", until: deadline) else { return nil }
        return CheckedPath.parse(reply)
    }

    /// Has multipathd do something with one map.
    ///
    /// - Parameter map: its name, or `dm-N`.
    /// - Returns: whether it was done; nil where multipathd doesn't run.
    /// - Throws: `unavailable`, `timed_out`, `cancelled`, `permission_denied`, `host_failure`.
    func perform(_ command: MapCommand, onMap map: String, until deadline: Deadline) async throws(StorageError) -> Bool?
    {
        guard let reply = try await ask("\(command.rawValue) map \(map)", until: deadline) else { return nil }
        // `permission deny: need to be root`
        guard !reply.hasPrefix("permission deny") else {
            throw StorageError(.permissionDenied, "Only root may give multipathd a command: run this as root")
        }
        return reply == "ok"
    }

    enum MapCommand: String {
        case remove = "del"
        case disableQueueing = "disablequeueing"
        case restoreQueueing = "restorequeueing"
    }

    /// One question and its reply; nil where multipathd doesn't run.
    ///
    /// `timeout` is multipathd's word for "I'm at something else" (L41): it is asked again.
    func ask(_ command: String, until deadline: Deadline) async throws(StorageError) -> String? {
        try await withBlockingThread(named: "san-multipathd", until: deadline, waitingFor: "multipathd's answer") {
            () throws(StorageError) in
            while try isRunning() {
                let socket = try MultipathDaemonSocket(host, until: deadline)
                try socket.send(command)
                let reply = try socket.receive()
                guard reply == "timeout" else { return reply }
                guard !deadline.hasPassed else {
                    throw StorageError(.timedOut, "multipathd was at something else all the time")
                }
            }
            return nil
        }
    }
}

/// What multipathd thinks of a path.
public struct CheckedPath: Sendable, Hashable {
    /// What its checker last saw: `ready`, `ghost`, `faulty`, `shaky`, `delayed`, `i/o pending`.
    public var checker: String
    /// The SCSI device's state: `running`, `offline`.
    public var device: String
    /// The higher, the better the path.
    public var priority: Int?

    /// Lines of `8:64|ready|running|50`; what isn't such a line is passed by.
    ///
    /// A device may be listed twice while it is being replaced: the last line counts.
    static func parse(_ text: String) -> [DeviceNumber: CheckedPath] {
        var paths: [DeviceNumber: CheckedPath] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "|", omittingEmptySubsequences: false).map(\.trimmedOfSpaces)
            guard fields.count == 4, let number = DeviceNumber(fields[0]) else { continue }
            paths[number] = CheckedPath(checker: fields[1], device: fields[2], priority: Int(fields[3]))
        }
        return paths
    }

    /// Whether the checker has given the path up.
    public var isFaulty: Bool { checker == "faulty" || checker == "removed" || checker == "i/o timeout" }
}

extension StringProtocol {
    fileprivate var trimmedOfSpaces: String {
        let rest = drop { $0.isWhitespace }
        let end = rest.lastIndex { !$0.isWhitespace }
        return end.map { String(rest[...$0]) } ?? ""
    }
}
