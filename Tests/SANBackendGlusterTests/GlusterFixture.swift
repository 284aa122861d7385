import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Synchronization
import SystemPackage

@testable import SANBackendGluster

/// A pool in a folder of its own on the volume that the suites share.
struct GlusterFixture {
    static let volumeName = "shared"
    private static let server: Result<GlusterDaemon, any Error> = Result {
        () throws -> GlusterDaemon in
        let server = try GlusterDaemon.shared.get()
        try server.addVolume(volumeName)
        return server
    }
    /// One for all, as in a process of sanctl: it keeps the connections.
    static let backend = GlusterBackend(host: HostRoot("/"), commands: SubprocessRunner())

    let server: GlusterDaemon
    let pool: GlusterPool
    let folder: String
    let local: TemporaryFolder
    private let brick: FilePath

    init() async throws {
        let server = try Self.server.get()
        let brick = server.folder.appending("bricks").appending(Self.volumeName)
        try await self.init(on: Self.volumeName, of: server, brick: brick)
    }

    /// A pool on another volume, of one brick.
    init(on volume: String, of server: GlusterDaemon, brick: FilePath) async throws {
        self.server = server
        self.brick = brick
        local = try TemporaryFolder()
        folder = "t" + String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let root = try await Self.pool([PoolSource.Host(name: server.address)], volume, directory: nil)
        _ = try await root.createVolume(
            VolumeRequest(Self.definition(folder, format: .directory)), in: Self.context())
        pool = try await Self.pool([PoolSource.Host(name: server.address)], volume, directory: "/" + folder)
    }

    static func pool(
        _ hosts: [PoolSource.Host], _ volume: String, directory: String?
    ) async throws -> GlusterPool {
        let definition = GlusterSourceTests.definition(hosts, name: volume, directory: directory)
        return try await backend.activate(definition, in: context()).value
    }

    static func definition(
        _ name: String, _ capacity: ByteCount? = nil, allocation: ByteCount? = nil, format: VolumeFormat? = nil
    ) -> VolumeDefinition {
        var definition = VolumeDefinition(name: name, capacity: capacity)
        definition.allocation = allocation
        definition.target.format = format
        return definition
    }

    static func context(
        deadline: Duration = .seconds(60), patience: Duration = .seconds(60),
        secrets: any SecretResolving = NoSecrets(),
        progress: any ProgressReporting = NoProgress()
    ) -> OperationContext {
        OperationContext(
            deadline: .after(deadline), patience: patience, secrets: secrets, progress: progress,
            coordinator: HostCoordinator(runtime: "/nonexistent"),
            activations: ActivationStore(runtime: "/nonexistent", host: HostRoot("/nonexistent")),
            logger: Logger(label: "test"))
    }

    /// The file of a volume on its brick.
    func onBrick(_ name: String) -> FilePath {
        brick.appending(folder).appending(name)
    }

    func snapshot() async throws -> PoolSnapshot { try await pool.refresh(in: Self.context()) }

    /// A volume that is made sparse.
    @discardableResult
    func make(_ name: String, _ capacity: ByteCount, allocation: ByteCount = 0) async throws -> Volume {
        try await pool.createVolume(
            VolumeRequest(Self.definition(name, capacity, allocation: allocation)), in: Self.context()
        ).value
    }

    /// Volumes that another client has open, as a virtual machine has.
    func opened(_ names: [String]) async throws -> [GlusterFile] {
        let other = GlusterBackend(host: HostRoot("/"), commands: SubprocessRunner())
        let definition = GlusterSourceTests.definition(
            [PoolSource.Host(name: server.address)], name: Self.volumeName, directory: "/" + folder)
        let pool = try await other.activate(definition, in: Self.context()).value
        return try await pool.call("a test", Self.context()) { volume throws(StorageError) in
            var files: [GlusterFile] = []
            for name in names {
                let file = try volume.open(pool.source.path(of: name), writing: true)
                // An opening reaches the brick with the first read (performance.open-behind).
                var bytes: [UInt8] = [0]
                _ = try file.read(into: &bytes, at: 0)
                files.append(file)
            }
            return files
        }
    }

    func upload(
        _ bytes: [UInt8], to volume: Volume, at offset: UInt64 = 0, isSparse: Bool = false
    ) async throws -> TransferSummary {
        let source = local.appending("source")
        try LocalEnds.write(bytes, to: source)
        let end = try LocalEnds.reading(source)
        defer { try? end.descriptor.close() }  // it was only read
        return try await pool.upload(
            end, to: volume, TransferRequest(offset: ByteCount(offset), isSparse: isSparse), in: Self.context())
    }

    func download(_ volume: Volume, _ request: TransferRequest = TransferRequest()) async throws -> [UInt8] {
        let sink = local.appending("sink")
        let end = try LocalEnds.writing(sink)
        defer { try? end.descriptor.close() }  // what was written is read again
        _ = try await pool.download(volume, to: end, request, in: Self.context())
        return try LocalEnds.read(sink)
    }
}

struct NoSecrets: SecretResolving {
    func isDefined(
        _ reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> Bool { false }

    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes { throw StorageError(.notFound, "There are no secrets") }
}

/// One passphrase for all.
struct OneSecret: SecretResolving {
    var passphrase = "passphrase"

    func isDefined(
        _ reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> Bool { true }

    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes { SecretBytes(passphrase.utf8) }
}
