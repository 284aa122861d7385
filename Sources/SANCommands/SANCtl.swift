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
    private static let nouns: [any ParsableCommand.Type] = [
        PoolCommand.self, VolumeCommand.self, SecretCommand.self, XMLCommand.self,
    ]

    /// Every noun that is followed by a verb, and its verbs, aliases included.
    static var verbs: [String: Set<String>] {
        var verbs: [String: Set<String>] = [:]
        for noun in nouns {
            let names = noun.configuration.subcommands.flatMap { [$0._commandName] + $0.configuration.aliases }
            verbs[noun._commandName] = Set(names)
        }
        return verbs
    }

    static let _errorPrefix = "error: "
}
