public import SANEngine
import SANHost
import SANImages
public import SANModel

/// A folder of a Gluster volume, whose files are volumes.
public struct GlusterPool: ActivePool, VolumeInspection {
    let source: GlusterSource
    let connections: GlusterConnections
    let host: HostRoot
    let commands: any CommandRunner

    /// Activation did nothing to the host, so there is nothing to undo.
    public func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> {
        .unchanged(())
    }

    /// Reads one volume anew.
    ///
    /// - Parameter volume: as it is known: a raw one stays one.
    /// - Throws: `not_found`, `invalid_argument`, `timed_out`, `unavailable`.
    public func inspect(_ volume: Volume, in context: OperationContext) async throws(StorageError) -> Volume {
        try await inspect(volume.name, knownAs: volume, in: context)
    }

    func inspect(
        _ name: String, knownAs known: Volume? = nil, in context: OperationContext
    ) async throws(StorageError) -> Volume {
        let name = try StagingName.checked(name)
        let source = source
        return try await call("the file '\(name)'", context) { volume throws(StorageError) in
            var reader = GlusterReader(volume: volume, source: source, raw: known.map { known in RawFiles { [known] } })
            guard let found = try reader.volume(named: name) else { throw source.missing(name) }
            return found
        }
    }

    /// Makes calls on the pool's volume, connecting to it first.
    ///
    /// - Parameters:
    ///   - effect: see ``OutstandingCalls/call(_:until:_:undoing:_:)``.
    ///   - undoing: the same.
    func call<Value: Sendable>(
        _ what: String, _ context: OperationContext, _ effect: Effect? = nil,
        undoing: @escaping @Sendable (Value, GlusterVolume) -> Void = { _, _ in },
        _ body: @escaping @Sendable (GlusterVolume) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let connection = try await connections.connection(to: source, until: context.deadline)
        return try await connection.call(
            "\(what) of '\(source.uri)'", until: context.deadline, effect, undoing: undoing, body)
    }

    /// Makes calls that take back what a failed or cancelled step has left; see ``OutstandingCalls/takeBack(_:until:_:_:)``.
    func takeBack(
        _ what: String, _ context: OperationContext, _ effect: Effect? = nil,
        _ body: @escaping @Sendable (GlusterVolume) throws(StorageError) -> Void
    ) async throws(StorageError) {
        let deadline = context.renewed.deadline
        let connection = try await connections.connection(to: source, until: deadline)
        try await connection.takeBack("\(what) of '\(source.uri)'", until: deadline, effect, body)
    }
}

extension GlusterSource {
    func missing(_ name: String) -> StorageError {
        StorageError(
            .notFound, "There is no volume '\(name.printable)' in '\(uri)'", subject: .volume(name.printable))
    }
}
