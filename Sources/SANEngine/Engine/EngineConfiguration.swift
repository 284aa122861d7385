public import Logging
public import SANHost
public import SystemPackage

/// Where the engine keeps what, and how it reaches the host.
public struct EngineConfiguration: Sendable {
    /// Definitions and their autostart links, and the secrets' documents.
    public var configuration: FilePath
    /// The values of secrets.
    public var state: FilePath
    /// What runs now; gone with the next boot.
    public var runtime: FilePath
    /// In memory, for ephemeral secrets, which must never reach a disk.
    public var volatile: FilePath
    public var host: HostRoot
    public var commands: any CommandRunner
    /// How long one operation may wait (`--timeout`).
    public var timeout: Duration
    public var logger: Logger

    public init(
        configuration: FilePath, state: FilePath, runtime: FilePath, volatile: FilePath, host: HostRoot,
        commands: any CommandRunner, timeout: Duration = .seconds(30), logger: Logger
    ) {
        self.configuration = configuration
        self.state = state
        self.runtime = runtime
        self.volatile = volatile
        self.host = host
        self.commands = commands
        self.timeout = timeout
        self.logger = logger
    }
}
