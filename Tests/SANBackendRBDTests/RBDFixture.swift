import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Synchronization
import Testing

@testable import SANBackendRBD

/// One secret, for tests.
struct OneSecret: SecretResolving {
    var value: String

    func isDefined(_ reference: SecretReference, usage: SecretDefinition.Usage.Kind) -> Bool { usage == .ceph }

    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes {
        switch (usage, reference) {
        case (.ceph, _): return SecretBytes(value.utf8)
        case (.volume, .usage("passphrase")): return SecretBytes("a passphrase".utf8)
        case (.volume, .usage("other")): return SecretBytes("another one".utf8)
        case (.volume, .usage("empty")): return SecretBytes("".utf8)
        default: throw StorageError(.notFound, "There is no such secret")
        }
    }
}

/// Remembers how far an operation was, and may act on it.
final class RecordedProgress: ProgressReporting {
    private let state = Mutex<(first: ByteCount?, last: ByteCount?, action: (@Sendable () -> Void)?)>((nil, nil, nil))

    var first: ByteCount? { state.withLock { $0.first } }

    var last: ByteCount? { state.withLock { $0.last } }

    func onReport(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.action = action } }

    func report(done: ByteCount, total: ByteCount?) {
        let action = state.withLock { state in
            if state.first == nil { state.first = done }
            state.last = done
            return state.action
        }
        action?()
    }
}

/// What tests make of a cluster: definitions, contexts, pools.
struct RBDFixture {
    let cluster: CephCluster
    /// A namespace of its own in the pool `rbd`.
    let namespace: String

    /// Once; librados is loaded first, so that it comes first when the process ends.
    private static let atExit = Result {
        try CephLibrary.require()
        CephCluster.leaveLibrariesWhole()
    }

    init() async throws {
        try RBDFixture.atExit.get()
        let cluster = try await CephCluster.shared
        self.cluster = cluster
        namespace = try await withThread { try cluster.newNamespace() }
    }

    /// As `rbd` names an image of the namespace.
    func spec(_ image: String) -> String { "rbd/\(namespace)/\(image)" }

    /// A user who may do all with the objects of images, but those of one kind.
    private func user(without kind: String) async throws -> (name: String, key: String) {
        let (cluster, name) = (cluster, "no-\(kind)-\(namespace)")
        let kinds = ["data", "trash", "header", "directory", "id", "object_map", "mirroring", "children", "info"]
        // librbd looks for images of format 1, too, whose headers are called `v.rbd`.
        let prefixes = ["v"] + kinds.filter { $0 != kind }.map { "rbd_\($0)" }
        let rights =
            (kind == "data" ? ["allow rx"] : []) + prefixes.map { "allow rwx object_prefix \($0)" }
        let key = try await withThread {
            try cluster.ceph(
                "auth", "get-or-create", "client.\(name)", "mon", "profile rbd", "osd", rights.joined(separator: ", "))
            return try cluster.ceph("auth", "print-key", "client.\(name)")
        }
        return (name, key)
    }

    func definition(of place: String? = nil, port: UInt16? = nil, user: String? = nil) -> PoolDefinition {
        var source = PoolSource()
        source.name = place ?? "rbd/\(namespace)"
        source.hosts = [PoolSource.Host(name: CephCluster.address, port: port ?? cluster.port)]
        source.authentication = .init(kind: .ceph, username: user ?? CephCluster.user, secret: .usage("ceph"))
        return PoolDefinition(type: .rbd, name: "p", source: source)
    }

    func context(
        deadline: Duration = .seconds(120), patience: Duration = .seconds(60), key: String? = nil,
        progress: any ProgressReporting = NoProgress()
    ) -> OperationContext {
        OperationContext(
            deadline: .after(deadline), patience: patience, secrets: OneSecret(value: key ?? cluster.key),
            progress: progress, coordinator: HostCoordinator(runtime: "/nonexistent"),
            activations: ActivationStore(runtime: "/nonexistent", host: HostRoot("/nonexistent")),
            logger: Logger(label: "test"))
    }

    /// Lends the pool, and closes its connection: librados must not be at work when the process ends.
    func withPool<Value: Sendable>(
        _ definition: PoolDefinition? = nil, key: String? = nil, _ body: (RBDPool) async throws -> Value
    ) async throws -> Value {
        let pool = try await RBDBackend().activate(definition ?? self.definition(), in: context(key: key)).value
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(pool))
        } catch {
            result = .failure(error)
        }
        _ = try await pool.deactivate(in: context())
        return try result.get()
    }

    /// Has another client keep an image open for writing meanwhile.
    ///
    /// - Parameter isLocked: it writes, and so takes the image's lock.
    func whileOpen(_ name: String, isLocked: Bool = false, _ body: () async throws -> Void) async throws {
        let source = try RBDSource(definition())
        let connections = ClusterConnections()
        func result() async throws -> Result<Void, any Error> {
            let connection = try await connections.connection(to: source, in: context())
            let image = try await withThread {
                let image = ImageAccess(try OpenImage(name, readOnly: false, connection))
                let chunk = TransferChunk(offset: 0, length: 512, buffer: TransferBuffer(count: 512))
                if isLocked { _ = try image.perform(.write(chunk)) }
                return image
            }
            let result: Result<Void, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            try await withThread { image.close() }
            return result
        }
        let outcome: Result<Void, any Error>
        do {
            outcome = try await result()
        } catch {
            outcome = .failure(error)
        }
        // librados must not be at work when the process ends.
        _ = await connections.forget(source)?.value()
        try outcome.get()
    }

    /// Lends the pool as somebody sees it who has no rights to one kind of images' objects: `data`, `trash`.
    func without(_ kind: String, _ body: (RBDPool) async throws -> Void) async throws {
        let user = try await user(without: kind)
        try await withPool(definition(user: user.name), key: user.key, body)
    }

    /// Lends an open image, by a client of its own.
    func onImage<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable (OpenImage) throws(StorageError) -> Value
    ) async throws -> Value {
        let source = try RBDSource(definition())
        let connections = ClusterConnections()
        func result() async throws -> Result<Value, any Error> {
            let connection = try await connections.connection(to: source, in: context())
            return try await withThread { Result { try body(try OpenImage(name, readOnly: false, connection)) } }
        }
        let outcome = try await result()
        _ = await connections.forget(source)?.value()
        return try outcome.get()
    }

    func create(_ name: String, _ capacity: UInt64, in pool: RBDPool) async throws -> Volume {
        let request = VolumeRequest(VolumeDefinition(name: name, capacity: ByteCount(capacity)))
        return try await pool.createVolume(request, in: context()).value
    }

    func rbd(_ verb: String, _ rest: String...) async throws {
        let cluster = cluster
        try await withThread { _ = try cluster.rbd(words: [verb] + rest) }
    }

    /// Runs the first command of `rbd` that a message names.
    func follow(_ message: String?) async throws {
        let command = try #require(message?.firstMatch(of: /'rbd ([^']+)'/)).output.1
        let (cluster, words) = (cluster, command.split(separator: " "))
        try await withThread { _ = try cluster.rbd(words: words.map(String.init)) }
    }

    /// Gives the trash an entry, as `trash_add` of the class leaves it, whatever else there is of the image.
    func addEntry(
        _ id: String, named name: String, source: UInt8 = 0, _ state: TrashObject.State, in pool: RBDPool
    ) async throws -> TrashedVolume {
        let key = [UInt8].ceph(id)
        let fields = [source] + [UInt8].ceph(name) + .ceph(0 as UInt64) + .ceph(0 as UInt64) + [state.rawValue]
        let input = key + [2, 1] + [UInt8].ceph(UInt64(fields.count)).prefix(4) + fields
        let connection = try await pool.connections.connection(to: pool.source, in: context())
        let added = try await withThread {
            _ = connection.askTrash(ClassCalls.Call(method: "trash_remove", input: key, limit: 16))
            return connection.askTrash(ClassCalls.Call(method: "trash_add", input: input, limit: 16)).result
        }
        #expect(added == 0)
        var entry = TrashedVolume(id: id, name: name)
        entry.source = source == 3 ? "removing" : "user"
        return entry
    }

    /// The state of an entry of the trash; nil where there is none.
    func state(of trashed: TrashedVolume, in pool: RBDPool) async throws -> TrashObject.State? {
        let connection = try await pool.connections.connection(to: pool.source, in: context())
        return try await withThread {
            let outcome = connection.askTrash(TrashObject.entryCall(trashed.id))
            return try (outcome.answers.first ?? nil).flatMap { answer in
                outcome.result < 0 ? nil : try TrashObject.state(answer)
            }
        }
    }
}

/// The code of the error that it throws; nil where it throws none.
func code(_ body: () async throws -> Void) async -> StorageError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? StorageError)?.code
    }
}
