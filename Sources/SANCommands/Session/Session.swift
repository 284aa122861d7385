import Logging
import SANBackends
import SANEngine
import SANHost
import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What sanctl is made of: given to it by `main`, and by tests.
public struct Assembly: Sendable {
    public var environment: [String: String]
    public var console: Console
    public var backends: @Sendable (any CommandRunner, HostRoot) -> [any StorageBackend]
    public var hbas: @Sendable (HostRoot) -> VirtualHBAs
    public var commands: any CommandRunner

    public init(
        environment: [String: String], console: Console,
        backends: @escaping @Sendable (any CommandRunner, HostRoot) -> [any StorageBackend],
        hbas: @escaping @Sendable (HostRoot) -> VirtualHBAs, commands: any CommandRunner
    ) {
        self.environment = environment
        self.console = console
        self.backends = backends
        self.hbas = hbas
        self.commands = commands
    }
}

/// What one run of a verb works with.
struct Session: Sendable {
    let assembly: Assembly
    let options: GlobalOptions.Values

    var console: Console { assembly.console }
    var printer: Printer { Printer(console: console, format: options.format, isQuiet: options.isQuiet) }

    /// - Throws: `invalid_argument`, see ``Locations``.
    func locations() throws(StorageError) -> Locations {
        let user = Locations.User(isRoot: geteuid() == 0, id: geteuid(), workingDirectory: Self.workingDirectory)
        return try Locations(options.locations, environment: assembly.environment, user: user)
    }

    /// The engine, in this process; nothing is read before something is asked of it.
    func engine() throws(StorageError) -> StorageEngine {
        let locations = try locations()
        let host = HostRoot(locations.hostRoot)
        let commands = assembly.commands
        let console = console
        let level = options.logLevel
        let logger = Logger(label: "sanctl") { _ in ConsoleLog(console: console, logLevel: level) }
        return StorageEngine(
            EngineConfiguration(
                configuration: locations.configuration, state: locations.state, runtime: locations.runtime,
                volatile: locations.volatile, host: host, commands: commands, timeout: options.timeout, logger: logger),
            backends: assembly.backends(commands, host), resolving: SysfsSCSIHosts(host: host),
            hbas: assembly.hbas(host))
    }

    private static var workingDirectory: FilePath? {
        guard let path = unsafe getcwd(nil, 0) else { return nil }
        defer { unsafe free(path) }
        return unsafe FilePath(platformString: path)
    }
}
