import SANEngine
import SANHost
import SANModel
import Synchronization

/// The connections of this process: one for each pool, made when it is first used, and kept.
final class ClusterConnections: Sendable {
    private let connections = Mutex<[RBDSource: ClusterConnection]>([:])

    /// The pool's connection.
    ///
    /// Where two come at once before there is one, both connect, and one connection is kept: neither waits for the other's monitors.
    ///
    /// - Throws: what ``ClusterConnection/open(_:key:)`` throws, `timed_out` at the deadline, `cancelled`, `not_found` for a secret.
    func connection(
        to source: RBDSource, in context: OperationContext
    ) async throws(StorageError) -> ClusterConnection {
        if let known = connections.withLock({ $0[source] }) { return known }
        let key = try await Self.key(of: source, in: context)
        let made = try await Self.connect(to: source, key: key, until: context.deadline) {
            () throws(StorageError) in try ClusterConnection.open(source, key: key)
        }
        return connections.withLock { connections in
            if let known = connections[source] { return known }
            connections[source] = made
            return made
        }
    }

    /// What a cluster offers, see ``ClusterConnection/places(of:key:until:)``; nothing stays connected.
    static func places(of source: RBDSource, in context: OperationContext) async throws(StorageError) -> [String] {
        let (key, deadline) = (try await key(of: source, in: context), context.deadline)
        let places = try await connect(to: source, key: key, until: deadline) {
            () throws(StorageError) in try ClusterConnection.places(of: source, key: key, until: deadline)
        }
        for problem in places.problems { context.logger.warning("\(problem.message)") }
        return places.names
    }

    private static func key(
        of source: RBDSource, in context: OperationContext
    ) async throws(StorageError) -> CephKey? {
        guard let authentication = source.authentication else { return nil }
        let value = try await context.secrets.value(for: authentication.secret, usage: .ceph)
        return try CephKey(value, of: authentication.secret)
    }

    /// How long librados is left alone before each monitor is asked by itself whether it refuses the key.
    private static let headStart: Duration = .seconds(1)

    /// - Parameter body: connects; runs on a thread of its own.
    private static func connect<Value: Sendable>(
        to source: RBDSource, key: CephKey?, until deadline: Deadline,
        _ body: @escaping @Sendable () throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let monitors = source.monitors.joined(separator: ", ").printable
        return try await withTaskGroup(of: Result<Value, StorageError>?.self) { group in
            group.addTask {
                do throws(StorageError) {
                    return .success(
                        try await withBlockingThread(
                            named: "san-rados-open", until: deadline, waitingFor: "a monitor at \(monitors)", body))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: headStart)  // ends early where the connection was made
                if Task.isCancelled { return nil }
                return await refusal(of: source, key: key, until: deadline).map { .failure($0) }
            }
            defer { group.cancelAll() }
            for await result in group {
                if let result { return result }
            }
            return .failure(StorageError(.timedOut, "Waited in vain for a monitor at \(monitors)"))
        }.get()
    }

    /// The first monitor's refusal; nil where there is none.
    private static func refusal(
        of source: RBDSource, key: CephKey?, until deadline: Deadline
    ) async -> StorageError? {
        await withTaskGroup(of: StorageError?.self) { group in
            for address in source.addresses {
                group.addTask {
                    let answer = try? await withBlockingThread(  // no answer is no refusal
                        named: "san-rados-ask", until: deadline, waitingFor: "a monitor at \(address.printable)"
                    ) { () throws(StorageError) in ClusterConnection.refusal(of: source, key: key, at: address) }
                    return answer ?? nil
                }
            }
            defer { group.cancelAll() }
            for await refusal in group {
                if let refusal { return refusal }
            }
            return nil
        }
    }

    /// Forgets the pool's connection; it closes when its last call has ended.
    ///
    /// - Returns: what is decided when it has closed; nil where there was no connection.
    @discardableResult
    func forget(_ source: RBDSource) -> FirstResult<Void>? {
        connections.withLock { $0.removeValue(forKey: source) }?.ended
    }
}
