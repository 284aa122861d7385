import ArgumentParser
import SANEngine
import SANModel
import SANXML

/// The verb `pool find-sources TYPE`.
struct PoolFindSources: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "find-sources", abstract: "Ask a server what pools could be made of it.")

    @Argument(help: "The type of pool.", completion: .list(PoolType.allCases.map(\.rawValue)))
    var type: PoolType

    @Option(help: ArgumentHelp("The server.", valueName: "host"))
    var host: String?

    @Option(help: ArgumentHelp("Its port.", valueName: "port"))
    var port: UInt16?

    @Option(help: ArgumentHelp("The initiator's IQN.", valueName: "iqn"))
    var initiator: String?

    @Option(help: ArgumentHelp("The user to log in as; needs --secret.", valueName: "user"))
    var username: String?

    @Option(
        help: ArgumentHelp("The usage or UUID of the secret with the password.", valueName: "usage"),
        completion: .custom(CompletionContext.secretUsages))
    var secret: String?

    @Option(
        help: ArgumentHelp("A <source> document with all of this; - is standard input.", valueName: "file"),
        completion: .file(extensions: ["xml"]))
    var source: String?

    @OptionGroup var globals: GlobalOptions

    func validate() throws {
        guard port == nil || host != nil else { throw ValidationError("--port needs --host") }
        guard (username == nil) == (secret == nil) else { throw ValidationError("--username and --secret go together") }
    }

    func perform(in session: Session) async throws(StorageError) -> Report {
        let sources = try await session.engine().discoverSources(type: type, query: try await query(session))
        if session.options.format == .xml { return Report(.xml(PoolSource.xml(of: sources, type: type))) }
        return Report(.table(Table(sources)), document: ["sources": .array(sources.map(\.json))])
    }

    private func query(_ session: Session) async throws(StorageError) -> PoolSource {
        var query = PoolSource()
        if let source {
            let type = type
            query = try await session.document(source) { bytes throws(StorageError) in
                try PoolSource(xml: bytes, type: type)
            }
        }
        if let host {
            // A port may stand in --host as well, as in --source-host.
            let parsed = try PoolSource.Host(argument: host)
            query.hosts = [PoolSource.Host(name: parsed.name, port: port ?? parsed.port)]
        }
        if let initiator { query.initiator = initiator }
        if let username, let secret {
            query.authentication = PoolSource.Authentication(
                kind: type == .rbd ? .ceph : .chap, username: username, secret: SecretReference(argument: secret))
        }
        return query
    }
}
