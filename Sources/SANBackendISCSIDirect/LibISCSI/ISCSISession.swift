import SANEngine
import SANHost
import SANModel

/// Where to log in, and as whom.
struct ISCSIEndpoint: Sendable {
    var portal: Portal
    /// Nil for a discovery session.
    var target: String?
    var initiator: String
    var credentials: CHAPCredentials?
}

/// One session with a target, on a thread of its own: a target that hangs holds up nobody else.
actor ISCSISession {
    private nonisolated let thread: BlockingThread
    private var connection: ISCSIConnection?
    private nonisolated let stop: StopRequest

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

    private init() throws(StorageError) {
        thread = BlockingThread(name: "san-iscsi")
        stop = try StopRequest()
    }

    private static let redirectionLimit = 4
    /// How long a logout may take: the work is done, and a target that doesn't answer loses nothing.
    private static let logoutTime = Duration.seconds(2)

    /// Logs in, lends the connection to `body` on the session's thread, and logs out whatever happened.
    ///
    /// - Throws: what `body` and logging in throw.
    static func with<Value: Sendable>(
        _ endpoint: ISCSIEndpoint, until deadline: Deadline,
        _ body: @escaping @Sendable (ISCSIConnection) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try await with(endpoint, until: deadline) { session throws(StorageError) in try await session.run(body) }
    }

    /// Logs in, lends the session to `body`, and logs out whatever happened.
    ///
    /// Cancelling the task signals the connection's ``StopRequest``.
    ///
    /// - Throws: what `body` throws, and for the login `not_found`, `unavailable`, `timed_out`, `authentication_failed`,
    ///   `permission_denied`, `backend_failure`, `cancelled`.
    static func with<Value: Sendable>(
        _ endpoint: ISCSIEndpoint, until deadline: Deadline,
        _ body: @escaping @Sendable (ISCSISession) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let session = try ISCSISession()
        let result: Result<Value, StorageError> = await withTaskCancellationHandler {
            do throws(StorageError) {
                try await session.open(endpoint, until: deadline)
                let value = try await body(session)
                await session.close()
                return .success(value)
            } catch {
                await session.close()
                return .failure(error)
            }
        } onCancel: {
            session.stop.request()
        }
        return try result.get()
    }

    /// What wakes the session's loop.
    nonisolated var wake: WakeSignal { stop.wake }

    /// Lends the connection on the session's thread.
    func run<Value: Sendable>(
        _ body: @Sendable (ISCSIConnection) throws(StorageError) -> Value
    ) throws(StorageError) -> Value {
        guard let connection else { throw StorageError(.unavailable, "The session is closed") }
        return try body(connection)
    }

    private func close() {
        connection?.close(until: .after(ISCSISession.logoutTime))
        connection = nil
    }

    private func open(_ endpoint: ISCSIEndpoint, until deadline: Deadline) async throws(StorageError) {
        var endpoint = endpoint
        for _ in 0..<ISCSISession.redirectionLimit {
            let addresses = try await NameResolution.addresses(of: endpoint.portal, until: deadline)
            guard let redirection = try connect(endpoint, addresses: addresses, until: deadline) else { return }
            let text = String(redirection.address.prefix { $0 != "," })
            endpoint.portal = try Portal(parsing: text, defaultPort: endpoint.portal.port)
        }
        throw StorageError(
            .backendFailure, "The target sent us from portal to portal, the last one was \(endpoint.portal)",
            subject: .host(endpoint.portal.description))
    }

    /// Tries the addresses of a name in order; one that is refused or silent leaves time for the others.
    private func connect(
        _ endpoint: ISCSIEndpoint, addresses: [String], until deadline: Deadline
    ) throws(StorageError) -> ISCSIConnection.Redirection? {
        var failure: StorageError?
        for (index, address) in addresses.enumerated() {
            let share = deadline.remaining / (addresses.count - index)
            let candidate = ISCSIConnection(
                portal: endpoint.portal, target: endpoint.target,
                context: try ISCSIContext(
                    initiator: endpoint.initiator, target: endpoint.target,
                    kind: endpoint.target == nil ? .discovery : .normal),
                stop: stop)
            do throws(StorageError) {
                let redirection = try candidate.open(
                    address: address, credentials: endpoint.credentials, until: .after(share))
                if redirection == nil { connection = candidate }
                return redirection
            } catch {
                guard [.unavailable, .timedOut].contains(error.code) else { throw error }
                failure = error
            }
        }
        throw failure ?? StorageError(.notFound, "\(endpoint.portal) has no address")
    }
}
