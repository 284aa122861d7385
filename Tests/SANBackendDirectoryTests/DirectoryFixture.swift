import FoundationEssentials
import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Synchronization
import SystemPackage
import Testing

@testable import SANBackendDirectory
@testable import SANImages

/// A pool on a private folder, and what a test needs to look at it from outside.
struct DirectoryFixture {
    let temporary: TemporaryFolder
    let folder: FilePath
    let backend: DirectoryBackend
    let pool: DirectoryPool
    var secrets = FixedSecrets(passphrase: nil)

    init(
        in folder: FilePath? = nil, host: HostRoot = HostRoot("/"), commands: any CommandRunner = SubprocessRunner()
    ) async throws {
        temporary = try TemporaryFolder()
        self.folder = folder ?? temporary.appending("pool")
        if folder == nil {
            try FileManager.default.createDirectory(atPath: self.folder.string, withIntermediateDirectories: false)
        }
        backend = DirectoryBackend(host: host, commands: commands)
        var definition = PoolDefinition(type: .directory, name: "p")
        definition.target = PoolTarget(path: self.folder.string)
        pool = try await backend.activate(definition, in: Self.context()).value
    }

    var context: OperationContext { Self.context(secrets: secrets) }

    static func context(
        secrets: any SecretResolving = FixedSecrets(passphrase: nil), progress: any ProgressReporting = NoProgress(),
        patience: Duration = .seconds(60)
    ) -> OperationContext {
        OperationContext(
            deadline: .after(.seconds(120)), patience: patience, secrets: secrets, progress: progress,
            coordinator: HostCoordinator(runtime: "/nonexistent"),
            activations: ActivationStore(runtime: "/nonexistent", host: HostRoot("/nonexistent")),
            logger: Logger(label: "test"))
    }

    func path(_ name: String) -> String { folder.appending(name).string }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(filePath: path(name)))
        return path(name)
    }

    func read(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path(name))))
    }

    func volumes() async throws -> [String: Volume] {
        Dictionary(
            try await pool.refresh(in: context).volumes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func volume(_ name: String) async throws -> Volume {
        try #require(try await volumes()[name])
    }

    @discardableResult
    func create(_ name: String, _ capacity: ByteCount?, _ change: (inout VolumeDefinition) -> Void = { _ in })
        async throws -> Volume
    {
        var definition = VolumeDefinition(name: name, capacity: capacity)
        change(&definition)
        return try await pool.createVolume(VolumeRequest(definition), in: context).value
    }

    /// Every name in the folder, ours for staging too.
    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.string).sorted()
    }
}

/// One passphrase for every secret.
struct FixedSecrets: SecretResolving {
    var passphrase: String?

    func isDefined(_ reference: SecretReference, usage: SecretDefinition.Usage.Kind) -> Bool { passphrase != nil }

    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes {
        guard usage == .volume, let passphrase else { throw StorageError(.notFound, "There is no such secret") }
        return SecretBytes(passphrase.utf8)
    }
}

/// Keeps what would have been run, and answers as told.
final class RecordingRunner: CommandRunner {
    private let runs = Mutex<[Command]>([])
    private let status: Int32

    init(status: Int32 = 0) {
        self.status = status
    }

    var commands: [Command] { runs.withLock { $0 } }

    func locate(_ tool: Tool) -> FilePath? { FilePath("/usr/bin").appending(tool.name) }

    func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput {
        runs.withLock { $0.append(command) }
        return CommandOutput(status: status, diagnostics: "qemu-img: it\u{1B}[31m failed\n")
    }
}

/// Runs programs, and before the next one does what a guest could do: writes another header into an image.
final class MeddlingRunner: CommandRunner {
    private let wanted = Mutex<(@Sendable () throws -> Void)?>(nil)
    private let runner = SubprocessRunner()

    /// Has a file begin otherwise.
    func meddle(with path: String, header: [UInt8]) {
        meddle {
            let file = try FileDescriptor.open(FilePath(path), .writeOnly)
            _ = try file.closeAfter { try file.writeAll(toAbsoluteOffset: 0, header) }
        }
    }

    func meddle(_ body: @escaping @Sendable () throws -> Void) {
        wanted.withLock { $0 = body }
    }

    func locate(_ tool: Tool) -> FilePath? { runner.locate(tool) }

    func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput {
        if let body = wanted.withLock({ $0.take() }) {
            do {
                try body()
            } catch {
                throw StorageError(.hostFailure, "The test can't meddle: \(error)")
            }
        }
        return try await runner.run(command, until: deadline)
    }
}

/// Keeps the last report.
final class LastProgress: ProgressReporting {
    private let last = Mutex<(done: ByteCount, total: ByteCount?)>((0, nil))

    var value: (done: ByteCount, total: ByteCount?) { last.withLock { $0 } }

    func report(done: ByteCount, total: ByteCount?) {
        last.withLock { $0 = (done, total) }
    }
}

/// Runs a program and requires its success.
@discardableResult
func run(_ tool: String, _ arguments: [String], input: [UInt8] = []) async throws -> String {
    let command = Command(Tool(name: tool, package: "see Scripts/setup"), arguments, input: input)
    var output = try await SubprocessRunner().run(command, until: .after(.seconds(120)))
    // On a busy machine qemu-img can't always time the derivation of LUKS' key.
    var left = arguments.joined().contains("luks") ? 4 : 0
    while output.status != 0, left > 0 {
        output = try await SubprocessRunner().run(command, until: .after(.seconds(120)))
        left -= 1
    }
    try #require(output.status == 0, "\(tool) \(arguments) failed: \(output.diagnostics)")
    return String(decoding: output.output, as: UTF8.self)
}

/// Fails with another code, or with none; nil expects no error.
func expect<Value>(
    _ code: StorageError.Code?, sourceLocation: Testing.SourceLocation = #_sourceLocation,
    _ body: () async throws -> Value
) async {
    do {
        _ = try await body()
        if let code { Issue.record("No error, \(code) was expected", sourceLocation: sourceLocation) }
    } catch let error as StorageError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
    } catch {
        Issue.record("Not a StorageError: \(error)", sourceLocation: sourceLocation)
    }
}

/// An open file as the local end of a transfer.
struct LocalFile: ~Copyable {
    let descriptor: FileDescriptor

    init(_ path: String, _ mode: FileDescriptor.AccessMode, options: FileDescriptor.OpenOptions = []) throws {
        descriptor = try FileDescriptor.open(
            FilePath(path), mode, options: options, permissions: [.ownerReadWrite])
    }

    deinit { try? descriptor.close() }

    var end: DataEnd { DataEnd(descriptor: descriptor, isSeekable: true, name: "local") }
}

/// Sizes as `1 << 20` and sums of them.
extension ByteCount {
    static func << (left: ByteCount, right: UInt64) -> ByteCount { ByteCount(left.bytes << right) }
    static func + (left: ByteCount, right: ByteCount) -> ByteCount { ByteCount(left.bytes + right.bytes) }
    static func - (left: ByteCount, right: ByteCount) -> ByteCount { ByteCount(left.bytes - right.bytes) }
    static func * (left: ByteCount, right: ByteCount) -> ByteCount { ByteCount(left.bytes * right.bytes) }
}
