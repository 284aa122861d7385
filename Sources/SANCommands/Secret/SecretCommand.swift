import ArgumentParser

/// The noun `secret`.
struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Passwords and keys that pools and volumes need.",
        subcommands: [
            SecretDefine.self, SecretSetValue.self, SecretGetValue.self, SecretList.self, SecretDumpXML.self,
            SecretUndefine.self,
        ])
}
