import CCeph
import SANEngine
import SANHost
import SANModel

/// The steps of a clone on a cluster.
struct RBDCloneSteps: CloneSteps {
    /// The pool that the clone is to be in.
    let pool: RBDPool
    let parentPool: RBDPool
    let parent: Volume
    /// The clone's name.
    let name: String
    let context: OperationContext

    func reusableSnapshot() async throws(StorageError) -> String? {
        let parent = parent
        return try await inParent { connection throws(StorageError) in
            try OpenImage(parent, readOnly: true, connection).unchangedSnapshot()
        }
    }

    func makeSnapshot(_ name: String) async throws(StorageError) {
        let parent = parent
        try await inParent { connection throws(StorageError) in
            try OpenImage(parent, readOnly: false, connection).makeSnapshot(name)
        }
    }

    func deleteSnapshot(_ name: String) async throws(StorageError) {
        let parent = parent
        try await inParent(undoing: true) { connection throws(StorageError) in
            // Where it wasn't made the parent may well be one that can't be opened for writing.
            let isThere = try OpenImage(parent, readOnly: true, connection).snapshots().contains { $0.name == name }
            if isThere { try OpenImage(parent, readOnly: false, connection).deleteSnapshot(name) }
        }
    }

    func protect(_ snapshot: String) async throws(StorageError) -> Bool {
        let parent = parent
        return try await inParent { connection throws(StorageError) in
            try OpenImage(parent, readOnly: false, connection).protect(snapshot)
        }
    }

    func unprotect(_ snapshot: String) async throws(StorageError) {
        let parent = parent
        try await inParent(undoing: true) { connection throws(StorageError) in
            let image = try OpenImage(parent, readOnly: false, connection)
            guard try image.snapshots().contains(where: { $0.name == snapshot && $0.isProtected }) else { return }
            try image.unprotect(snapshot)
        }
    }

    func clone(_ snapshot: String, as staged: String) async throws(StorageError) -> Bool {
        let (parent, shown) = (parent, name.printable)
        let source = try await parentPool.connections.connection(to: parentPool.source, in: context)
        return try await inChild { connection throws(StorageError) in
            guard source.fsid == connection.fsid else {
                throw StorageError(
                    .unsupported,
                    "'\(parent.name.printable)' is in another cluster, where no clone can stand on it: copy it with create-from",
                    subject: .volume(shown))
            }
            let image = try OpenImage(parent, readOnly: true, source)
            try image.requireClonable(snapshot)
            let options = ImageOptions()
            // The first format has no place for the parent's namespace.
            if source.source.namespace != connection.source.namespace { options.setCloneFormat(2) }
            let result = unsafe CephLibrary.functions.rbd_clone3(
                source.ioContext, parent.name, snapshot, connection.ioContext, staged, options.handle)
            if CephFailure(result).errno == .invalidArgument {
                // Ceph 16 says so where the first format is to be used and the snapshot may still be deleted.
                let isProtected = try image.snapshots().contains { $0.name == snapshot && $0.isProtected }
                if !isProtected { return false }
            }
            guard result >= 0 else {
                throw CephFailure(result).error(
                    cannot: "clone '\(parent.name.printable)@\(snapshot.printable)'", in: connection.source
                ).about(.volume, shown)
            }
            return true
        }
    }

    func deleteClone(_ staged: String) async throws(StorageError) {
        try await inChild(undoing: true) { connection throws(StorageError) in try connection.removeIfThere(staged) }
    }

    func publish(_ staged: String) async throws(StorageError) {
        try await pool.publish(staged, as: name, in: context)
    }

    // MARK: Threads

    private func inParent<Value: Sendable>(
        undoing: Bool = false, _ body: @escaping @Sendable (ClusterConnection) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try await parentPool.step(
            in: undoing ? context.renewed : context, waitingFor: "the image '\(parent.name.printable)'", body)
    }

    private func inChild<Value: Sendable>(
        undoing: Bool = false, _ body: @escaping @Sendable (ClusterConnection) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        try await pool.step(
            in: undoing ? context.renewed : context, waitingFor: "the new image '\(name.printable)'", body)
    }
}

extension RBDPool {
    /// One of several steps that may have to be taken back.
    ///
    /// Whoever is cancelled meanwhile still waits for it: what it did must be known then.
    func step<Value: Sendable>(
        in context: OperationContext, waitingFor what: String,
        _ body: @escaping @Sendable (ClusterConnection) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        if Task.isCancelled { throw StorageError(.cancelled, "Cancelled before \(what)") }
        return try await shielded { () async throws(StorageError) in
            try await withConnection(in: context, waitingFor: what, body)
        }
    }
    /// Gives an image that was made its name.
    ///
    /// - Throws: what ``ClusterConnection/rename(_:to:)`` throws; where nobody has said whether it has its name by now, that too.
    func publish(_ staged: String, as name: String, in context: OperationContext) async throws(StorageError) {
        let shown = name.printable
        do throws(StorageError) {
            try await step(in: context, waitingFor: "the new image '\(shown)'") { connection throws(StorageError) in
                try connection.rename(staged, to: name)
            }
        } catch {
            guard error.code == .timedOut || error.code == .unavailable else { throw error }
            let unknown = StorageError(
                .invalidState, "The new image may be there as '\(shown)', whole: refresh the pool",
                subject: .volume(shown))
            throw error.adding(cause: unknown)
        }
    }
}
