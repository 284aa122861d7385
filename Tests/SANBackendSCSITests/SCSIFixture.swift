import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendSCSI

/// A backend on a played HBA, with folders of its own.
struct SCSIFixture {
    let captured: CapturedHost
    let hba: PlayedHBA
    let backend: SCSIBackend
    let runtime: TemporaryFolder
    let mapper: ScriptedDeviceMapper

    /// - Parameter limit: how long it is waited for what doesn't come; what does come was played before anybody waits.
    init(
        _ script: PlayedHBA.Script = PlayedHBA.Script(), limit: Duration = .seconds(60),
        users: @escaping DeviceUserLookup = { _ in [] }, interview: any UnitInterviewing = UnitInterview(),
        maps: [MappedDevice] = []
    ) throws {
        mapper = ScriptedDeviceMapper(maps)
        captured = try CapturedHost(Capture.hosts)
        hba = PlayedHBA(script, host: captured)
        runtime = try TemporaryFolder()
        let hbas = VirtualHBAs(host: captured.root, control: hba, events: hba.events, users: users, mapper: mapper)
        let pace = Settling.Pace(
            quiet: .milliseconds(20), patience: min(.milliseconds(40), limit), limit: limit, disks: limit)
        backend = SCSIBackend(hbas: hbas, pace: pace, interview: interview)
    }

    var activations: ActivationStore { ActivationStore(runtime: runtime.path, host: captured.root) }

    func context(_ deadline: Duration = .seconds(60)) -> OperationContext {
        OperationContext(
            deadline: .after(deadline), patience: .seconds(60), secrets: NoSecrets(),
            coordinator: HostCoordinator(runtime: runtime.path), activations: activations, logger: Logger(label: "test")
        )
    }

    static func definition(
        _ change: (inout PoolSource.FibreChannel) -> Void = { _ in }
    ) -> PoolDefinition {
        var port = PoolSource.FibreChannel(wwnn: Capture.wwnn, wwpn: Capture.wwpn)
        change(&port)
        return definition(.fibreChannel(port))
    }

    static func definition(_ adapter: PoolSource.Adapter) -> PoolDefinition {
        var source = PoolSource()
        source.adapter = adapter
        return PoolDefinition(
            type: .scsi, name: "p", source: source, target: PoolTarget(path: "/dev/disk/by-path"))
    }

    func start(_ definition: PoolDefinition = definition()) async throws -> SCSIPool {
        try await backend.activate(definition, in: context()).value
    }

    /// Whether the virtual port is on the host.
    func hasPort() throws -> Bool { try FCHost(number: Capture.virtualHost, on: captured.root) != nil }
}

/// Pools of this type have none.
struct NoSecrets: SecretResolving {
    func isDefined(_ reference: SecretReference, usage: SecretDefinition.Usage.Kind) -> Bool { false }

    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes {
        throw StorageError(.notFound, "There is no such secret")
    }
}

/// Fails with another code, or with none; a message must have all of the texts.
func expect<Value>(
    _ code: StorageError.Code, _ texts: String..., sourceLocation: Testing.SourceLocation = #_sourceLocation,
    _ body: () async throws -> Value
) async {
    do {
        _ = try await body()
        Issue.record("No error, \(code) was expected", sourceLocation: sourceLocation)
    } catch let error as StorageError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        for text in texts { #expect(error.message.contains(text), "\(error)", sourceLocation: sourceLocation) }
    } catch {
        Issue.record("Not a StorageError: \(error)", sourceLocation: sourceLocation)
    }
}
