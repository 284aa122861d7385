public import SANHost
public import SANModel

extension StorageEngine {
    /// What this machine is, for tests and reports of faults; see ``HostCapture``.
    ///
    /// Tools are asked where they are installed and the machine is this one, not a captured tree; one that fails is told of by its output.
    ///
    /// - Throws: `permission_denied`, `host_failure`, `timed_out`, `cancelled`.
    public func capture(replacingNames: Bool = false) async throws(StorageError) -> HostCapture {
        let host = configuration.host
        let deadline = newDeadline()
        var capture = try await withBlockingThread(
            named: "san-capture", until: deadline, waitingFor: "what sysfs and udev have"
        ) { () throws(StorageError) in try HostCapture(host) }
        if host.root == "/" {
            for command in Self.questions where configuration.commands.locate(command.tool) != nil {
                do throws(StorageError) {
                    capture.add(command, try await configuration.commands.run(command, until: deadline))
                } catch {
                    if error.code == .cancelled { throw error }
                    capture.add(command, CommandOutput(status: -1, diagnostics: error.message + "\n"))
                }
            }
        }
        return replacingNames ? capture.replacingNames() : capture
    }

    /// None of them prints a secret: `iscsiadm` shows names and states of sessions only, and keys of crypt maps aren't asked for.
    private static var questions: [Command] {
        let multipathd = Tool(name: "multipathd", package: "multipath-tools")
        let dmsetup = Tool(name: "dmsetup", package: "dmsetup")
        return [
            Command(.iscsiadm, ["--version"]), Command(.iscsiadm, ["-m", "session", "-P", "1"]),
            Command(multipathd, ["show", "topology"]), Command(multipathd, ["show", "paths"]),
            Command(dmsetup, ["table", "--target", "multipath"]),
            Command(dmsetup, ["status", "--target", "multipath"]),
        ]
    }
}
