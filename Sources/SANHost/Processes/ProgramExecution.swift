import Glibc
import SANModel
import Subprocess
import SystemPackage

/// One program from its start to its end.
struct ProgramExecution: Sendable {
    let command: Command
    let path: FilePath
    /// What starts it with the leash on; nil without.
    let leash: FilePath?
    let patience: Duration

    /// The most that is kept of standard error.
    private static let diagnosticsLimit = 64 << 10

    /// Runs to the program's end, or to the end of the task: the program and its group are gone then.
    func result() async -> Result<CommandOutput, StorageError> {
        do {
            return .success(try await run())
        } catch let error as StorageError {
            return .failure(error)
        } catch let error as SubprocessError where !Task.isCancelled {
            return .failure(failure("\(error)"))
        } catch {
            if Task.isCancelled || error is CancellationError {
                return .failure(StorageError(.cancelled, "Cancelled while \(command.tool) ran", subject: subject))
            }
            return .failure(failure("\(error)"))
        }
    }

    private var subject: StorageError.Subject { .tool(command.tool.name) }

    private func failure(_ reason: String) -> StorageError {
        StorageError(.hostFailure, "Can't run \(path.string.printable): \(reason.printable)", subject: subject)
    }

    private func run() async throws -> CommandOutput {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: patience)]
        var environment: [Environment.Key: String] = [:]
        for (name, value) in ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"] {
            if let key = Environment.Key(rawValue: name) { environment[key] = value }
        }
        for (name, value) in command.environment {
            if let key = Environment.Key(rawValue: name) { environment[key] = value }
        }
        let arguments = leash == nil ? command.arguments : ProcessLeash.arguments(path, command.arguments)
        let outcome = try await Subprocess.run(
            .path(leash ?? path), arguments: Arguments(arguments), environment: .custom(environment),
            platformOptions: options,
            input: .fileDescriptor(try InputFile.make(of: command.input), closeAfterSpawningProcess: true),
            output: .sequence, error: .sequence
        ) { execution in
            do {
                async let diagnostics = collect(execution.standardError, limit: Self.diagnosticsLimit, isStrict: false)
                let output = try await collect(
                    execution.standardOutput, limit: command.outputLimit, isStrict: true)
                let told = try await diagnostics
                try Task.checkCancellation()
                return (output, String(decoding: told, as: UTF8.self))
            } catch {
                await execution.teardown(using: options.teardownSequence)
                // The leader isn't reaped yet, so its group's number can't be anybody else's.
                try? execution.send(signal: .kill, toProcessGroup: true)  // there may be nobody left in it
                throw error
            }
        }
        let status: Int32 =
            switch outcome.terminationStatus {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            }
        let (output, diagnostics) = outcome.closureResult
        return CommandOutput(status: status, output: output, diagnostics: diagnostics)
    }

    /// Reads a pipe to its end, so that the program never blocks on it.
    private func collect(
        _ pipe: SubprocessOutputSequence, limit: Int, isStrict: Bool
    ) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in pipe {
            unsafe chunk.withUnsafeBytes { buffer in
                unsafe bytes.append(contentsOf: buffer.prefix(max(0, limit + 1 - bytes.count)))
            }
            guard isStrict, bytes.count > limit else { continue }
            throw StorageError(
                .hostFailure, "The program \(command.tool) wrote more than \(limit) bytes and was stopped",
                subject: subject)
        }
        return Array(bytes.prefix(limit))
    }
}
