import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SANXML
import SystemPackage
import Testing

@testable import SANEngine

/// An engine in a private folder, on fake storage.
struct EngineFixture: Sendable {
    let folder: TemporaryFolder
    let storage = FakeStorage()
    let engine: StorageEngine

    init(
        timeout: Duration = .seconds(60), commands: any CommandRunner = NoPrograms(),
        checkpoint: @escaping AtomicFile.Checkpoint = { _ in }
    ) throws {
        folder = try TemporaryFolder()
        try LocalFolder(folder.appending("root/proc/sys/kernel/random")).create()
        engine = StorageEngine(
            EngineFixture.configuration(folder, timeout: timeout, commands: commands),
            backends: [FakeBackend(storage: storage), BareBackend()], checkpoint: checkpoint)
        try setBoot("boot-1")
    }

    static func configuration(
        _ folder: TemporaryFolder, timeout: Duration = .seconds(60), commands: any CommandRunner = NoPrograms()
    ) -> EngineConfiguration {
        EngineConfiguration(
            configuration: folder.appending("etc"), state: folder.appending("lib"), runtime: folder.appending("run"),
            volatile: folder.appending("memory"), host: HostRoot(folder.appending("root")), commands: commands,
            timeout: timeout,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Another engine on the same folders and storage, as another process would have it.
    func another(timeout: Duration = .seconds(60)) -> StorageEngine {
        StorageEngine(
            EngineFixture.configuration(folder, timeout: timeout),
            backends: [FakeBackend(storage: storage), BareBackend()])
    }

    func setBoot(_ identity: String) throws {
        try AtomicFile(folder.appending("root/proc/sys/kernel/random/boot_id")).write(Array((identity + "\n").utf8))
    }

    func write(_ path: String, _ text: String) throws {
        try write(path, Array(text.utf8))
    }

    func write(_ path: String, _ bytes: [UInt8]) throws {
        let file = folder.appending(path)
        try LocalFolder(file.removingLastComponent()).create()
        try AtomicFile(file).write(bytes)
    }

    func read(_ path: String) throws -> String {
        String(decoding: try LocalFile(folder.appending(path)).read(limit: 1 << 20), as: UTF8.self)
    }

    func exists(_ path: String) throws -> Bool {
        try LocalFile(folder.appending(path)).status() != nil
    }

    /// A folder pool.
    static func pool(_ name: String, path: String? = nil, uuid: StorageUUID? = nil) -> PoolDefinition {
        PoolDefinition(
            type: .directory, name: name, uuid: uuid, target: PoolTarget(path: path ?? "/srv/\(name)"))
    }

    /// A pool that is defined and running, with these volumes.
    func running(_ name: String = "p", volumes: [Volume] = []) async throws {
        storage.setVolumes(name, volumes)
        _ = try await engine.definePool(Self.pool(name))
        _ = try await engine.startPool(name)
    }

    static func volume(_ name: String, capacity: ByteCount = 100, allocation: ByteCount = 10) -> Volume {
        var definition = VolumeDefinition(name: name, type: .file, capacity: capacity)
        definition.allocation = allocation
        definition.key = "/srv/key/\(name)"
        definition.target = VolumeTarget(path: "/srv/path/\(name)", format: .raw)
        return Volume(definition)
    }
}

/// A host without programs.
struct NoPrograms: CommandRunner {
    func locate(_ tool: Tool) -> FilePath? { nil }
    func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput {
        throw StorageError(.unavailable, "There is no program \(command.tool)")
    }
}

/// The code of the error that an operation throws, or nil where it throws none.
func failureCode(of body: () async throws -> Void) async -> StorageError.Code? {
    await failure(of: body)?.code
}

/// The error that an operation throws, or nil where it throws none.
func failure(of body: () async throws -> Void) async -> StorageError? {
    do {
        try await body()
        return nil
    } catch let error as StorageError {
        return error
    } catch {
        Issue.record("not a StorageError: \(error)")
        return nil
    }
}
