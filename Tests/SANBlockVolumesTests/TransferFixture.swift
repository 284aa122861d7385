import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Synchronization
import SystemPackage

@testable import SANBlockVolumes

/// What a transfer needs beside its device.
struct TransferFixture {
    let folder: TemporaryFolder
    let progress = Reports()

    init() throws {
        folder = try TemporaryFolder()
    }

    func context(patience: Duration = .seconds(60)) -> OperationContext {
        OperationContext(
            deadline: .after(.seconds(60)), patience: patience, secrets: NoSecrets(), progress: progress,
            coordinator: HostCoordinator(runtime: "/nonexistent"),
            activations: ActivationStore(runtime: "/nonexistent", host: HostRoot("/nonexistent")),
            logger: Logger(label: "test"))
    }

    func target(_ loop: LoopDevice, _ access: OpenBlockDevice.Access = .exclusiveWrite) throws -> BlockTarget {
        let block = try loop.block()
        return try BlockTarget(try OpenBlockDevice(block, access), of: block, volume: "unit:0:0:1")
    }

    func upload(
        _ bytes: [UInt8], to loop: LoopDevice, at offset: UInt64 = 0, isSparse: Bool = false
    ) async throws -> TransferSummary {
        try LocalEnds.write(bytes, to: folder.appending("source"))
        let end = try LocalEnds.reading(folder.appending("source"))
        defer { try? end.descriptor.close() }  // it was only read
        return try await target(loop).upload(
            try TransferEnd(end), TransferRequest(offset: ByteCount(offset), isSparse: isSparse),
            length: UInt64(bytes.count), in: context())
    }

    func download(
        _ loop: LoopDevice, at offset: UInt64 = 0, length: UInt64, isSparse: Bool = false
    ) async throws -> [UInt8] {
        let end = try LocalEnds.writing(folder.appending("sink"))
        defer { try? end.descriptor.close() }  // what was written is read again
        _ = try await target(loop, .read).download(
            to: try TransferEnd(end), TransferRequest(offset: ByteCount(offset), isSparse: isSparse), length: length,
            in: context())
        return try LocalEnds.read(folder.appending("sink"))
    }
}

/// Keeps what was reported.
final class Reports: ProgressReporting {
    private let state = Mutex<[(done: UInt64, total: UInt64?)]>([])

    var last: (done: UInt64, total: UInt64?)? { state.withLock { $0.last } }
    var all: [UInt64] { state.withLock { $0.map(\.done) } }

    func report(done: ByteCount, total: ByteCount?) {
        state.withLock { $0.append((done.bytes, total?.bytes)) }
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
