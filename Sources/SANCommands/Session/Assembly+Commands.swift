import SANHost
import SANModel
import SystemPackage

extension Assembly {
    static let commands: @Sendable (HostRoot) -> any CommandRunner = { _ in MissingCommands() }
}

struct MissingCommands: CommandRunner {
    func locate(_ tool: Tool) -> FilePath? { nil }
    func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput {
        throw StorageError(.unavailable, "", subject: .tool(command.tool.name))
    }
}
