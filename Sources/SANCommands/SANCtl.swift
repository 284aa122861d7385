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

    /// The verbs of a noun by their names, aliases included; nil for a word that isn't a noun with verbs.
    static func verbs(of noun: String) -> [String: any ParsableCommand.Type]? {
        guard let noun = nouns.first(where: { $0._commandName == noun }) else { return nil }
        var verbs: [String: any ParsableCommand.Type] = [:]
        for verb in noun.configuration.subcommands {
            for name in [verb._commandName] + verb.configuration.aliases { verbs[name] = verb }
        }
        return verbs
    }

    static let _errorPrefix = "error: "
}
