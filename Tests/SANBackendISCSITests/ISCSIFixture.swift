import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Synchronization
import Testing

@testable import SANBackendISCSI

/// The backend on a played initiator, with folders of its own.
struct ISCSIFixture {
    let tree: HostTree
    let initiator: PlayedInitiator
    let interview = ScriptedInterview()
    let backend: ISCSIBackend
    var secrets: FixedSecrets
    let runtime: TemporaryFolder

    static let uuid = StorageUUID("11111111-2222-3333-4444-555555555555")
    static let interface = "sanctl-1111111122223333"
    static let secret = "secretsecret12"

    /// - Parameters:
    ///   - asks: whether units say what they are; a host of files has no nodes to ask through otherwise.
    ///   - connected: what is connected; nothing otherwise.
    ///   - command: how long one run of iscsiadm may take.
    init(
        asks: Bool = false, command: Duration = .seconds(60), connected: PlayedConnections? = nil,
        _ change: (inout PlayedInitiator.Script) -> Void = { _ in }
    ) throws {
        tree = try HostTree()
        var script = PlayedInitiator.Script()
        change(&script)
        initiator = try PlayedInitiator(script, on: tree)
        secrets = FixedSecrets(["lab": ISCSIFixture.secret])
        runtime = try TemporaryFolder()
        let pace = SessionPace(
            disks: .seconds(60), portals: .milliseconds(50), command: command, scan: .seconds(60), pendingLogin: .zero)
        let units: any UnitInterviewing = asks ? interview : UnitInterview()
        backend = ISCSIBackend(
            host: tree.host, commands: initiator, events: initiator.events, pace: pace, interview: units,
            connections: connected)
    }

    func with(secrets values: [String: String]) -> ISCSIFixture {
        var fixture = self
        fixture.secrets = FixedSecrets(values)
        return fixture
    }

    func context(_ deadline: Duration = .seconds(60)) -> OperationContext {
        OperationContext(
            deadline: .after(deadline), patience: .seconds(60), secrets: secrets,
            coordinator: HostCoordinator(runtime: runtime.path),
            activations: ActivationStore(runtime: runtime.path, host: tree.host), logger: Logger(label: "test"))
    }

    static func definition(
        hosts: [String] = ["10.0.0.1"], chap: Bool = false, initiator: String? = nil
    ) -> PoolDefinition {
        var source = PoolSource()
        source.hosts = hosts.map { PoolSource.Host(name: $0) }
        source.devices = [PoolSource.Device(path: PlayedInitiator.target)]
        source.initiator = initiator
        if chap {
            source.authentication = PoolSource.Authentication(kind: .chap, username: "usr", secret: .usage("lab"))
        }
        return PoolDefinition(
            type: .iscsi, name: "p", uuid: uuid, source: source, target: PoolTarget(path: "/dev/disk/by-path"))
    }

    func start(_ definition: PoolDefinition = definition()) async throws -> ISCSIPool {
        try await backend.activate(definition, in: context()).value
    }

    /// Has every unit of the host answer as what the kernel has it for.
    func answerTruly() throws {
        for unit in try SCSIUnit.all(on: tree.host) {
            let lun = UInt8(clamping: unit.hctl.lun.kernel)
            try interview.answer(unit, naa: SCSIAnswer.naa(lun), serial: "serial\(lun)")
        }
    }

    /// Nothing of the pool is on the host.
    func expectNothingLeft(sourceLocation: Testing.SourceLocation = #_sourceLocation) throws {
        #expect(try initiator.sessions().isEmpty, sourceLocation: sourceLocation)
        #expect(try initiator.database().isEmpty, sourceLocation: sourceLocation)
    }
}

/// Secrets by their usage names.
struct FixedSecrets: SecretResolving {
    let values: [String: String]

    init(_ values: [String: String]) {
        self.values = values
    }

    private func name(_ reference: SecretReference) -> String {
        if case .usage(let name) = reference { return name }
        return ""
    }

    func isDefined(_ reference: SecretReference, usage: SecretDefinition.Usage.Kind) -> Bool {
        values[name(reference)] != nil
    }

    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes {
        guard let value = values[name(reference)] else {
            throw StorageError(.notFound, "No secret '\(name(reference))'")
        }
        return SecretBytes(value.utf8)
    }
}

/// Connections that every portal has accepted.
final class PlayedConnections: PortalConnections {
    private let look: Mutex<@Sendable () -> Void>

    init() {
        look = Mutex({})
    }

    /// Has something happen each time that somebody looks.
    func onLook(_ body: @escaping @Sendable () -> Void) { look.withLock { $0 = body } }

    func isEstablished(to portal: Portal) -> Bool {
        look.withLock { $0 }()
        return true
    }
}
