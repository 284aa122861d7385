import ArgumentParser
import SANEngine
import SANModel
import SANXML

/// The verb `secret define FILE`.
struct SecretDefine: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "define", abstract: "Store what a secret is for; its value is set by set-value.")

    @OptionGroup var document: DefinitionArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let definition = try await document.read(in: session) { bytes throws(StorageError) in
            try SecretDefinition(xml: bytes)
        }
        let change = try await session.engine().defineSecret(definition)
        return .change(change, done: "defined", already: "was already defined so")
    }
}

/// The verb `secret list`.
struct SecretList: StorageCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List secrets, never their values.")

    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let secrets = try await session.engine().secrets()
        var report = Report(.table(Table(secrets)), document: ["secrets": .array(secrets.map(\.json))])
        report.problems = secrets.flatMap { secret in
            secret.problems.map { problem in
                var problem = problem
                if problem.subject.values[.secret] == nil { problem.subject.values[.secret] = secret.label }
                return problem
            }
        }
        return report
    }
}

/// The verb `secret dumpxml SECRET`.
struct SecretDumpXML: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "dumpxml", abstract: "Print a secret's document, never its value.")

    @OptionGroup var target: SecretArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let status = try await session.engine().secret(target.secret)
        let xml = status.definition.xml
        return Report(.xml(xml), document: ["secret": status.json, "xml": .string(xml)])
    }
}

/// The verb `secret undefine SECRET`.
struct SecretUndefine: StorageCommand {
    static let configuration = CommandConfiguration(
        commandName: "undefine", abstract: "Forget a secret and its value.")

    @OptionGroup var target: SecretArgument
    @OptionGroup var globals: GlobalOptions

    func perform(in session: Session) async throws(StorageError) -> Report {
        let change = try await session.engine().undefineSecret(target.secret)
        return .change(change, done: "undefined", already: "was already undefined")
    }
}
