import Subprocess
import SystemPackage

/// Runs `san-engine-probe`, which is built beside the tests.
struct ProbeProcess: Sendable {
    let arguments: [String]

    private var path: FilePath {
        FilePath(CommandLine.arguments[0]).removingLastComponent().appending("san-engine-probe")
    }

    /// Runs it to its end.
    ///
    /// - Returns: whether it ended well, and all that it said.
    func run() async throws -> (isSuccess: Bool, output: String) {
        let result = try await Subprocess.run(
            .path(path), arguments: Arguments(arguments), output: .string(limit: 1 << 20), error: .combinedWithOutput)
        return (result.terminationStatus.isSuccess, result.standardOutput)
    }

    /// Kills it with SIGKILL after so many lines of output.
    ///
    /// - Returns: its process id, and the last whole line.
    func kill(afterLines count: Int, _ body: @Sendable @escaping (Int32) async throws -> Void = { _ in }) async throws
        -> (
            process: Int32, line: String
        )
    {
        let result = try await Subprocess.run(
            .path(path), arguments: Arguments(arguments), input: .none, output: .sequence, error: .discarded
        ) { execution in
            var text = ""
            let process = execution.processIdentifier.value
            for try await chunk in execution.standardOutput {
                text += chunk.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                if text.split(separator: "\n", omittingEmptySubsequences: false).count > count { break }
            }
            try await body(process)
            try execution.send(signal: .kill)
            return (process, String(text.split(separator: "\n").last ?? ""))
        }
        return result.closureResult
    }
}
