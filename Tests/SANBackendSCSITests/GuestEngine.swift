import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage

@testable import SANBackendSCSI

/// An engine on the guest of the lab itself, with folders of its own.
struct GuestEngine {
    let folder: TemporaryFolder
    let engine: StorageEngine

    init() throws {
        folder = try TemporaryFolder()
        let host = HostRoot("/")
        let hbas = VirtualHBAs(
            host: host, control: SysfsHBAControl(), events: UdevMonitor(),
            users: { device throws(StorageError) in try DeviceUsers.of(device) }, mapper: DeviceMapper.shared)
        engine = StorageEngine(
            EngineConfiguration(
                configuration: folder.appending("etc"), state: folder.appending("lib"),
                runtime: folder.appending("run"), volatile: folder.appending("run"), host: host,
                commands: SubprocessRunner(), timeout: .seconds(120), logger: Logger(label: "test")),
            backends: [SCSIBackend(hbas: hbas)], resolving: SysfsSCSIHosts(host: host), hbas: hbas)
    }

    /// The volumes of pool `p`.
    func volumes() async throws -> [Volume] { try await engine.volumes(ofPool: "p").volumes }

    /// Writes bytes to a volume of pool `p`.
    func upload(_ bytes: [UInt8], to volume: String, at offset: UInt64 = 0) async throws -> TransferSummary {
        let file = folder.appending("source")
        try LocalEnds.write(bytes, to: file)
        let end = try LocalEnds.reading(file)
        defer { try? end.descriptor.close() }  // it was only read
        return try await engine.upload(
            end, to: VolumeReference(volume, pool: "p"), TransferRequest(offset: ByteCount(offset)),
            progress: NoProgress())
    }

    /// Reads a volume of pool `p`.
    func download(_ volume: String, at offset: UInt64 = 0, length: UInt64? = nil) async throws -> [UInt8] {
        let file = folder.appending("sink")
        let end = try LocalEnds.writing(file)
        defer { try? end.descriptor.close() }  // what was written is read again
        _ = try await engine.download(
            VolumeReference(volume, pool: "p"), to: end,
            TransferRequest(offset: ByteCount(offset), length: length.map { ByteCount($0) }), progress: NoProgress())
        return try LocalEnds.read(file)
    }

    func wipe(_ volume: String, _ algorithm: WipeAlgorithm = .zero) async throws -> TransferSummary {
        try await engine.wipeVolume(VolumeReference(volume, pool: "p"), algorithm, progress: NoProgress())
    }
}
