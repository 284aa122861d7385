import SANModel

/// What iscsiadm's exit codes mean: open-iscsi's `include/iscsi_err.h`, the one place that reads them.
///
/// What it printed is told as the cause and never read to decide anything (L72).
enum OpenISCSIFailure {
    /// - Parameter action: what was being done, for "Can't `action`: …".
    /// - Returns: nil for success, which a session that is there already (15, L54) and nothing found (21) are too.
    static func error(_ status: Int32, _ diagnostics: String, _ action: String) -> StorageError? {
        guard ![0, 15, 21].contains(status) else { return nil }
        let (code, reason) =
            table[status] ?? (.backendFailure, status > 128 ? "it was ended by signal \(status - 128)" : "it failed")
        let text = diagnostics.split(whereSeparator: \.isNewline).filter { !$0.isEmpty }.suffix(3)
        return StorageError(
            code, "Can't \(action): \(reason) (iscsiadm's code \(status))", subject: .tool("iscsiadm"),
            causes: text.map { StorageError(code, String($0).printable) })
    }

    /// Whether a logout may end so while iscsid, started anew, takes over the sessions that are there (seen with 2.1.8, in this order): it doesn't
    /// know the session (2), has no connection for it (32), or is connecting it again (9).
    static func mayBeOfNewDaemon(_ status: Int32) -> Bool { [2, 9, 32].contains(status) }

    static let noDaemon = "iscsid isn't running; start it with 'systemctl start iscsid'"

    private static let table: [Int32: (StorageError.Code, String)] = [
        1: (.backendFailure, "open-iscsi gives no reason"),
        2: (.notFound, "the session isn't there any more"),
        3: (.hostFailure, "out of memory"),
        4: (.unavailable, "the portal can't be reached; see that it is up and that a route leads to it"),
        5: (.backendFailure, "the target ended the login"),
        6: (.hostFailure, "open-iscsi's database can't be read or written"),
        7: (.hostFailure, "open-iscsi refuses a record or an argument; a record may be of another version of it"),
        8: (.timedOut, "the portal doesn't answer"),
        9: (.hostFailure, "open-iscsi has an internal error"),
        10: (.backendFailure, "the logout failed"),
        11: (.timedOut, "the target doesn't answer"),
        12: (.unavailable, "the kernel lacks the transport; load it with 'modprobe iscsi_tcp'"),
        13: (.permissionDenied, "root is needed"),
        14: (.unsupported, "the transport can't do what its interface asks for"),
        16: (.backendFailure, "iscsid doesn't know the request; see that iscsiadm and iscsid are of one version"),
        18: (.unavailable, "iscsid doesn't answer as it should; see that iscsiadm and iscsid are of one version"),
        19: (
            .backendFailure,
            "the target refuses the login or never answers it: it may not be there, or not know this initiator or its secret"
        ),
        20: (.unavailable, noDaemon),
        22: (.hostFailure, "sysfs has no such session any more"),
        23: (.notFound, "no such host is known; see its name or address"),
        24: (.authenticationFailed, "the target refuses the CHAP name or secret, or wants one"),
        27: (.unsupported, "open-iscsi doesn't support it"),
        28: (.busy, "the session is in use"),
        29: (.busy, "open-iscsi asks to try again later"),
        30: (.hostFailure, "open-iscsi has no such kind of discovery"),
        31: (.hostFailure, "a process of open-iscsi was ended"),
        32: (.invalidState, "iscsid has no connection for the session"),
        33: (.timedOut, "the request timed out"),
    ]
}
