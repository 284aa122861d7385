public import SANModel
public import SystemPackage

/// A program of the host, by its name; found once in a fixed list of folders, never through `PATH`.
public struct Tool: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    /// The Debian package that has it, for the message when it is missing.
    public let package: String

    public init(name: String, package: String) {
        self.name = name
        self.package = package
    }

    public var description: String { name }

    public static let qemuImg = Tool(name: "qemu-img", package: "qemu-utils")
    public static let iscsiadm = Tool(name: "iscsiadm", package: "open-iscsi")
    public static let iscsid = Tool(name: "iscsid", package: "open-iscsi")
    public static let setpriv = Tool(name: "setpriv", package: "util-linux")
    public static let systemdCreds = Tool(name: "systemd-creds", package: "systemd")
}

/// One run of a program.
///
/// There is no way to put a secret into it: arguments are what `ps` shows; secrets go to ``input``.
public struct Command: Sendable {
    public var tool: Tool
    public var arguments: [String]
    /// Written to the program's standard input, which is empty otherwise.
    public var input: [UInt8]
    /// Extra variables; the environment is `LC_ALL=C` and a fixed `PATH` otherwise.
    public var environment: [String: String]
    /// The most that is read from standard output before the run is an error.
    public var outputLimit: Int
    /// Whether it has to end when this process is killed, as programs that write data have; see ``ProcessLeash``.
    public var isLeashed: Bool

    public init(
        _ tool: Tool, _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
        outputLimit: Int = 1 << 20, isLeashed: Bool = false
    ) {
        self.tool = tool
        self.arguments = arguments
        self.input = input
        self.environment = environment
        self.outputLimit = outputLimit
        self.isLeashed = isLeashed
    }
}

/// How a program ended, and what it said.
public struct CommandOutput: Sendable {
    /// The exit code, or 128 plus the signal.
    public var status: Int32
    public var output: [UInt8]
    /// Cut at 64 KiB.
    public var diagnostics: String

    public init(status: Int32, output: [UInt8] = [], diagnostics: String = "") {
        self.status = status
        self.output = output
        self.diagnostics = diagnostics
    }
}

/// The door to the host's programs.
public protocol CommandRunner: Sendable {
    /// The absolute path of a program, or nil where it isn't installed.
    func locate(_ tool: Tool) -> FilePath?

    /// Runs a program to its end; a non-zero exit is an output, not an error.
    ///
    /// - Throws: `unavailable` with the package to install, `timed_out` when the deadline passed (the program and its children are gone then),
    ///   `cancelled`, `host_failure`.
    func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput
}
