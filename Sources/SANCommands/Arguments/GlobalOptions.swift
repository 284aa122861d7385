import ArgumentParser
import Logging
import SANModel

/// The options that every verb takes, before the noun and after the verb alike (see ``ArgumentOrder``).
struct GlobalOptions: ParsableArguments {
    @Option(
        name: [.customShort("o", allowingJoined: true), .long],
        help: "Print tables for people or one JSON document.", completion: .list(["table", "json"]))
    var output: OutputFormat = .table

    @Option(
        help: ArgumentHelp("Where the definitions are.", valueName: "dir"), completion: .directory)
    var configDir: String?

    @Option(help: ArgumentHelp("Where the values of secrets are.", valueName: "dir"), completion: .directory)
    var stateDir: String?

    @Option(help: ArgumentHelp("Where the state of running pools is.", valueName: "dir"), completion: .directory)
    var runtimeDir: String?

    @Option(help: ArgumentHelp("The root of the host's own files.", valueName: "dir"), completion: .directory)
    var hostRoot: String?

    @Option(help: ArgumentHelp("How long one wait may last.", valueName: "seconds"), transform: Duration.init(seconds:))
    var timeout: Duration?

    @Flag(name: .shortAndLong, help: "Don't say what was done.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Log what is being done; twice for more.")
    var verbose: Int

    /// The options as plain values.
    struct Values: Sendable {
        var format: OutputFormat = .table
        var locations = Locations.Choice()
        var timeout: Duration = .seconds(30)
        var isQuiet = false
        var logLevel: Logger.Level = .critical
    }

    var values: Values {
        let levels: [Logger.Level] = [.critical, .info, .debug, .trace]
        return Values(
            format: output,
            locations: Locations.Choice(
                configuration: configDir, state: stateDir, runtime: runtimeDir, hostRoot: hostRoot),
            timeout: timeout ?? .seconds(30), isQuiet: quiet, logLevel: levels[min(verbose, levels.count - 1)])
    }
}

extension Duration {
    /// `SECONDS`, a decimal number above zero and up to a year.
    ///
    /// - Throws: `invalid_argument`.
    fileprivate init(seconds text: String) throws(StorageError) {
        guard let seconds = Double(text), seconds > 0, seconds <= 366 * 86_400 else {
            throw StorageError(.invalidArgument, "a number of seconds above 0 and up to 31622400 (366 days) is needed")
        }
        self = .seconds(seconds)
    }
}
