import ArgumentParser
import SANEngine
import SANModel

/// What the shell offers for POOL, VOLUME, SECRET, VHBA and HOST: read from the store by the program itself, quickly or not at all.
enum CompletionContext {
    /// The assembly of the run that is being parsed; the parser gives its completion closures none.
    @TaskLocal static var assembly: Assembly?

    static let pools: @Sendable ([String], Int, String) async -> [String] = { words, _, prefix in
        await names(words, prefix) { engine in try await engine.pools().map(\.name) }
    }

    static let volumes: @Sendable ([String], Int, String) async -> [String] = { words, _, prefix in
        await names(words, prefix) { engine in
            let chosen = value(of: "--pool", in: words)
            var names: [String] = []
            for pool in try await engine.pools() where pool.state.isActive && (chosen == nil || pool.name == chosen) {
                let volumes = try? await engine.volumes(ofPool: pool.name).volumes  // the others' names are of use
                names += volumes?.map(\.name) ?? []
            }
            return names
        }
    }

    static let secrets: @Sendable ([String], Int, String) async -> [String] = { words, _, prefix in
        await names(words, prefix) { engine in
            try await engine.secrets().flatMap { [$0.definition.usage?.text, $0.definition.uuid?.description] }
                .compactMap { $0 }
        }
    }

    /// The bare usages, as documents and `--secret` name them.
    static let secretUsages: @Sendable ([String], Int, String) async -> [String] = { words, _, prefix in
        await names(words, prefix) { engine in try await engine.secrets().compactMap(\.definition.usage?.name) }
    }

    static let hbas: @Sendable ([String], Int, String) async -> [String] = { words, _, prefix in
        await names(words, prefix) { engine in try await engine.virtualHBAs().map(\.name) }
    }

    static let hosts: @Sendable ([String], Int, String) async -> [String] = { words, _, prefix in
        await names(words, prefix) { engine in try await engine.hosts().map(\.name) }
    }

    private static func names(
        _ words: [String], _ prefix: String, _ read: (StorageEngine) async throws -> [String]
    ) async -> [String] {
        guard let assembly else { return [] }
        var options = GlobalOptions.Values()
        options.locations = Locations.Choice(
            configuration: value(of: "--config-dir", in: words), state: value(of: "--state-dir", in: words),
            runtime: value(of: "--runtime-dir", in: words), hostRoot: value(of: "--host-root", in: words))
        // Nobody waits longer for a tab.
        options.timeout = .seconds(2)
        do {
            let names = try await read(try Session(assembly: assembly, options: options).engine())
            let prefix = plainStart(of: prefix)
            return names.filter { $0.hasPrefix(prefix) && $0.terminalSafe == $0 }
                .compactMap { offered($0, to: .requesting) }
        } catch {
            return []
        }
    }

    /// What is typed, up to the first mark of the shell's own in it: the shell itself looks at the rest.
    private static func plainStart(of typed: String) -> Substring {
        let marks = "\"'\\"
        return (typed.first.map(marks.contains) == true ? typed.dropFirst() : typed[...]).prefix { !marks.contains($0) }
    }

    /// A name as the shell's script has to be given it; nil where the shell would run what is in it.
    ///
    /// bash's `compgen -W` expands its words, and readline leaves backquotes as they are in the line: a file named `` `reboot` `` would be
    /// run. zsh's `_describe` ends a name at a colon.
    private static func offered(_ name: String, to shell: CompletionShell?) -> String? {
        switch shell {
        case .bash? where name.contains(where: { "`$!".contains($0) }): nil
        case .bash?:
            "'" + name.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
        case .zsh?:
            name.reduce(into: "") { text, character in
                if character == ":" || character == "\\" { text.append("\\") }
                text.append(character)
            }
        default: name
        }
    }

    /// The value of an option among the words typed so far.
    private static func value(of option: String, in words: [String]) -> String? {
        for (index, word) in words.enumerated() {
            if word == option, index + 1 < words.count { return words[index + 1] }
            if word.hasPrefix(option + "=") { return String(word.dropFirst(option.count + 1)) }
        }
        return nil
    }
}
