import Logging
import SANEngine
import SANHost
import SANModel
import SANTestSupport

@testable import SANBackendISCSIDirect

/// Secrets by usage name, for tests.
struct FakeSecrets: SecretResolving {
    var values: [String: String] = [:]

    func isDefined(_ reference: SecretReference, usage: SecretDefinition.Usage.Kind) -> Bool {
        guard case .usage(let name) = reference else { return false }
        return values[name] != nil
    }

    func value(
        for reference: SecretReference, usage: SecretDefinition.Usage.Kind
    ) async throws(StorageError) -> SecretBytes {
        guard case .usage(let name) = reference, usage == .iscsi, let value = values[name] else {
            throw StorageError(.notFound, "There is no such secret")
        }
        return SecretBytes(value.utf8)
    }
}

/// What tests make of a server: definitions, contexts, pools.
enum PoolFixture {
    static let initiator = "iqn.2013-06.com.example:initiator"
    static let backend = ISCSIDirectBackend(host: HostRoot("/"))

    static func definition(host: String, port: UInt16?, target: String, user: String? = nil) -> PoolDefinition {
        var source = PoolSource()
        source.hosts = [PoolSource.Host(name: host, port: port)]
        source.devices = [PoolSource.Device(path: target)]
        source.initiator = initiator
        if let user { source.authentication = .init(kind: .chap, username: user, secret: .usage("chap")) }
        return PoolDefinition(type: .iscsiDirect, name: "p", source: source)
    }

    static func context(
        deadline: Duration = .seconds(120), patience: Duration = .seconds(60), secrets: FakeSecrets = FakeSecrets(),
        progress: any ProgressReporting = NoProgress()
    ) -> OperationContext {
        OperationContext(
            deadline: .after(deadline), patience: patience, secrets: secrets, progress: progress,
            coordinator: HostCoordinator(runtime: "/nonexistent"),
            activations: ActivationStore(runtime: "/nonexistent", host: HostRoot("/nonexistent")),
            logger: Logger(label: "test"))
    }

    static func pool(_ definition: PoolDefinition) async throws -> ISCSIDirectPool {
        try await backend.activate(definition, in: context()).value
    }

    static func pool(of server: TgtServer, target: String, user: String? = nil) async throws -> ISCSIDirectPool {
        try await pool(definition(host: server.address, port: server.port, target: target, user: user))
    }
}
