import ArgumentParser

/// The root of the command tree.
struct SANCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sanctl",
        abstract: "Storage pools and volumes on a SAN, by libvirt's XML.",
        discussion: """
            Global options (--output, --config-dir, --state-dir, --runtime-dir, --host-root, --timeout, --quiet, \
            --verbose) stand before the noun or after the verb. POOL is a name or UUID, VOLUME a name, key or path, FILE \
            may be - for standard input. See sanctl(1).
            """,
        version: "sanctl 0.1.0",
        subcommands: nouns + [DoctorCommand.self]
    )

    /// The nouns that are followed by a verb.
    static let nouns: [any ParsableCommand.Type] = [
        PoolCommand.self, VolumeCommand.self, SecretCommand.self, VHBACommand.self, HostCommand.self,
        XMLCommand.self,
    ]

    /// The verbs of a noun, or of a verb that has some of its own (`volume snapshot`), by their names, aliases included.
    ///
    /// - Returns: nil for words that aren't followed by a verb.
    static func verbs(of words: [String]) -> [String: any ParsableCommand.Type]? {
        var known = named(nouns)
        var verbs: [String: any ParsableCommand.Type]?
        for word in words {
            guard let command = known[word], !command.configuration.subcommands.isEmpty else { return nil }
            known = named(command.configuration.subcommands)
            verbs = known
        }
        return verbs
    }

    private static func named(_ commands: [any ParsableCommand.Type]) -> [String: any ParsableCommand.Type] {
        var named: [String: any ParsableCommand.Type] = [:]
        for command in commands {
            for name in [command._commandName] + command.configuration.aliases { named[name] = command }
        }
        return named
    }

    static let _errorPrefix = "error: "
}
