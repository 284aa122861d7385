import Glibc
public import SANModel
import Subprocess
public import SystemPackage

/// Runs the host's programs: by absolute path, in a session of their own, without a shell.
public struct SubprocessRunner: CommandRunner {
    /// Where programs are looked for, in this order; `PATH` counts for nothing.
    public static let folders: [FilePath] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]

    private let folders: [FilePath]
    /// How long a program that has to end may take to do so before it is killed.
    private let patience: Duration
    private let leash = ProcessLeash()

    public init(folders: [FilePath] = SubprocessRunner.folders, patience: Duration = .seconds(2)) {
        self.folders = folders
        self.patience = patience
    }

    public func locate(_ tool: Tool) -> FilePath? {
        guard let name = FilePath.Component(tool.name), name.kind == .regular else { return nil }
        return folders.lazy.map { $0.appending(name) }.first { unsafe access($0.string, X_OK) == 0 }
    }

    public func run(_ command: Command, until deadline: Deadline) async throws(StorageError) -> CommandOutput {
        guard let path = locate(command.tool) else {
            throw StorageError(
                .unavailable,
                "The program \(command.tool) isn't installed; install the package \(command.tool.package)",
                subject: .tool(command.tool.name))
        }
        if deadline.hasPassed { throw timedOut(command.tool) }
        let leash = command.isLeashed ? try await leash.program(of: self, until: deadline) : nil
        let execution = ProgramExecution(command: command, path: path, leash: leash, patience: patience)
        let result = await withTaskGroup(of: Result<CommandOutput, StorageError>?.self) { group in
            group.addTask { await execution.result() }
            group.addTask {
                do {
                    try await Task.sleep(until: deadline.instant, clock: .continuous)
                    return .failure(timedOut(command.tool))
                } catch {
                    return nil  // cancelled: by the program's end, or from outside, and then the program's task says so
                }
            }
            var result = await group.next() ?? nil
            group.cancelAll()
            // The child and its group are gone when the other task returns; only then is the time-out told.
            if let other = await group.next() ?? nil, result == nil { result = other }
            return result
        }
        guard let result else { throw StorageError(.cancelled, "Cancelled while \(command.tool) ran") }
        return try result.get()
    }

    private func timedOut(_ tool: Tool) -> StorageError {
        StorageError(
            .timedOut, "The program \(tool) didn't end in time and was stopped", subject: .tool(tool.name))
    }
}
