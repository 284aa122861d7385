import CLibISCSI
import SANEngine
import SANHost
import SANModel

/// A libiscsi context: one connection to one portal.
///
/// It lives inside one actor and is only touched on that actor's thread.
///
/// Nothing here waits: every call starts something or moves it on, and what became of it is in ``inbox``.
@safe
struct ISCSIContext: ~Copyable {
    private let handle: OpaquePointer
    let inbox: CompletionInbox

    enum SessionKind {
        case discovery, normal
    }

    /// - Throws: `host_failure` where there is no memory.
    init(initiator: String, target: String?, kind: SessionKind) throws(StorageError) {
        guard let handle = unsafe iscsi_create_context(initiator) else {
            throw StorageError(.hostFailure, "libiscsi has no memory for a session")
        }
        unsafe self.handle = handle
        inbox = CompletionInbox.register(context: UInt(bitPattern: handle))
        // libiscsi would connect again by itself, for ever and at full speed when the target is gone (1.19).
        unsafe iscsi_set_noautoreconnect(handle, 1)
        unsafe iscsi_set_session_type(handle, kind == .discovery ? ISCSI_SESSION_DISCOVERY : ISCSI_SESSION_NORMAL)
        if let target { unsafe iscsi_set_targetname(handle, target) }
    }

    deinit {
        // Calls back for what is under way; the inbox must be there until then.
        unsafe iscsi_destroy_context(handle)
        CompletionInbox.forget(context: unsafe UInt(bitPattern: handle))
    }

    // MARK: Login

    /// Gives libiscsi copies of the credentials; ``wipeCredentials()`` takes them back after the login.
    func setCredentials(_ credentials: CHAPCredentials) {
        unsafe credentials.initiator.withCStrings { user, password in
            _ = unsafe iscsi_set_initiator_username_pwd(handle, user, password)
        }
        unsafe credentials.target?.withCStrings { user, password in
            _ = unsafe iscsi_set_target_username_pwd(handle, user, password)
        }
    }

    /// Overwrites libiscsi's copies: its setters fill the rest of their buffers with zeros.
    func wipeCredentials() {
        unsafe iscsi_set_initiator_username_pwd(handle, "-", "-")
        unsafe iscsi_set_target_username_pwd(handle, "-", "-")
        unsafe iscsi_set_initiator_username_pwd(handle, nil, nil)
        unsafe iscsi_set_target_username_pwd(handle, nil, nil)
    }

    /// Starts a TCP connection.
    ///
    /// - Parameter address: a literal address with port: libiscsi would wait for the name service.
    /// - Throws: `unavailable` where there is no way to it.
    func connect(to address: String, id: UInt) throws(StorageError) {
        guard unsafe iscsi_connect_async(handle, address, completionCallback, token(id)) == 0 else {
            throw StorageError(.unavailable, "Can't connect to \(address): \(lastError)")
        }
    }

    /// - Throws: `backend_failure`.
    func login(id: UInt) throws(StorageError) {
        guard unsafe iscsi_login_async(handle, completionCallback, token(id)) == 0 else {
            throw StorageError(.backendFailure, "Can't log in: \(lastError)")
        }
    }

    /// - Throws: `backend_failure`.
    func logout(id: UInt) throws(StorageError) {
        guard unsafe iscsi_logout_async(handle, completionCallback, token(id)) == 0 else {
            throw StorageError(.backendFailure, "Can't log out: \(lastError)")
        }
    }

    /// SendTargets=All; what it finds is in the inbox.
    ///
    /// - Throws: `backend_failure`.
    func discover(id: UInt) throws(StorageError) {
        guard unsafe iscsi_discovery_async(handle, discoveryCallback, token(id)) == 0 else {
            throw StorageError(.backendFailure, "Can't ask for targets: \(lastError)")
        }
    }

    /// NOP-Out: any live target answers it.
    ///
    /// - Throws: `backend_failure`.
    func ping(id: UInt) throws(StorageError) {
        guard unsafe iscsi_nop_out_async(handle, completionCallback, nil, 0, token(id)) == 0 else {
            throw StorageError(.backendFailure, "Can't send a NOP: \(lastError)")
        }
    }

    var isLoggedIn: Bool { unsafe iscsi_is_logged_in(handle) != 0 }

    /// Where a target that has moved says it is; hostile text.
    var redirection: String { unsafe String(cString: iscsi_get_target_address(handle)) }

    /// libiscsi's text of what failed last, fit for a message.
    var lastError: String { unsafe String(cString: iscsi_get_error(handle)).printable }

    // MARK: Commands

    /// Queues a command; the flight must be kept until its completion came or the context is gone.
    ///
    /// - Throws: `backend_failure` where libiscsi has no session any more.
    func send(_ flight: CommandFlight, lun: UInt16, id: UInt) throws(StorageError) {
        let result = unsafe iscsi_scsi_command_async(
            handle, Int32(lun), flight.task, completionCallback, nil, token(id))
        guard result == 0 else { throw StorageError(.backendFailure, "Can't send a command: \(lastError)") }
    }

    // MARK: Events

    var descriptor: Int32 { unsafe iscsi_get_fd(handle) }

    /// Whether libiscsi has bytes to send.
    var wantsToWrite: Bool { unsafe iscsi_which_events(handle) & POLLOUT != 0 }

    /// How many requests libiscsi still has to send, those that the target's command window holds back among them.
    var unsent: Int { unsafe Int(iscsi_out_queue_length(handle)) }

    /// Whether libiscsi holds nothing of any command that it still has to send.
    var hasSentAll: Bool { !wantsToWrite && unsent == 0 }

    /// - Returns: false where the connection is lost.
    func service(_ events: Int32) -> Bool { unsafe iscsi_service(handle, events) == 0 }

    private func token(_ id: UInt) -> UnsafeMutableRawPointer? { unsafe UnsafeMutableRawPointer(bitPattern: id) }
}

/// Copies what a command's callback says; the task stays, and is freed with its flight.
private let completionCallback: iscsi_command_cb = { context, status, data, token in
    guard let context = unsafe context, let inbox = CompletionInbox.inbox(context: UInt(bitPattern: context))
    else { return }
    var completion = CompletionInbox.Completion(
        id: UInt(bitPattern: token), status: status, sense: nil, underflow: 0)
    if let task = unsafe data?.assumingMemoryBound(to: scsi_task.self), completion.id >= CompletionID.firstCommand {
        unsafe copyOutcome(of: task, to: &completion)
    }
    inbox.post(completion)
}

private func copyOutcome(
    of task: UnsafeMutablePointer<scsi_task>, to completion: inout CompletionInbox.Completion
) {
    if unsafe task.pointee.residual_status == SCSI_RESIDUAL_UNDERFLOW {
        completion.underflow = unsafe Int(clamping: task.pointee.residual)
    }
    let size = unsafe Int(task.pointee.datain.size)
    guard completion.status == Int32(SCSI_STATUS_CHECK_CONDITION.rawValue), size > 2,
        let data = unsafe task.pointee.datain.data
    else { return }
    // The sense data of a SCSI response has its length before it (RFC 7143, 11.4.7.2).
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: min(size, 2 + 252)))
    let length = Int(bytes[0]) << 8 | Int(bytes[1])
    completion.sense = SenseData(Array(bytes[2..<min(bytes.count, 2 + length)]))
}

/// Copies what SendTargets found: libiscsi frees it when the callback returns.
private let discoveryCallback: iscsi_command_cb = { context, status, data, token in
    guard let context = unsafe context, let inbox = CompletionInbox.inbox(context: UInt(bitPattern: context))
    else { return }
    var targets: [DiscoveredTarget] = []
    var next = unsafe data?.assumingMemoryBound(to: iscsi_discovery_address.self)
    while let target = unsafe next {
        var addresses: [String] = []
        var portal = unsafe target.pointee.portals
        while let current = unsafe portal {
            if let text = unsafe current.pointee.portal { unsafe addresses.append(String(cString: text)) }
            unsafe portal = unsafe current.pointee.next
        }
        if let name = unsafe target.pointee.target_name {
            unsafe targets.append(DiscoveredTarget(name: String(cString: name), addresses: addresses.reversed()))
        }
        unsafe next = unsafe target.pointee.next
    }
    inbox.post(targets)
    inbox.post(.init(id: UInt(bitPattern: token), status: status, sense: nil, underflow: 0))
}

/// The ids that libiscsi hands back.
enum CompletionID {
    static let connect: UInt = 1
    static let login: UInt = 2
    static let logout: UInt = 3
    static let discovery: UInt = 4
    static let ping: UInt = 5
    static let firstCommand: UInt = 16
}
