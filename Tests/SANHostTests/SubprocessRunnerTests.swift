import Glibc
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@Suite("Programs of the host", .timeLimit(.minutes(2)))
struct SubprocessRunnerTests {
    private let folder: TemporaryFolder
    private let runner: SubprocessRunner

    init() throws {
        folder = try TemporaryFolder()
        runner = SubprocessRunner(folders: [folder.path], patience: .milliseconds(200))
    }

    /// A script of the test, as a program.
    private func tool(_ name: String, _ script: String) throws -> Tool {
        let path = folder.appending(name)
        try AtomicFile(path).write(Array("#!/bin/sh\n\(script)\n".utf8))
        #expect(chmod(path.string, 0o700) == 0)
        return Tool(name: name, package: "test-utils")
    }

    private func run(
        _ command: Command, within: Duration = .seconds(60)
    ) async throws(StorageError) -> CommandOutput {
        try await runner.run(command, until: .after(within))
    }

    @Test("output, diagnostics and exit code")
    func outputs() async throws {
        let output = try await run(Command(try tool("t", "echo out \"$1\"; echo err >&2; exit 3"), ["a b;c"]))
        #expect(output.status == 3)
        #expect(String(decoding: output.output, as: UTF8.self) == "out a b;c\n")
        #expect(output.diagnostics == "err\n")
    }

    @Test("standard input is what was given, else empty, also where it is more than a pipe holds")
    func input() async throws {
        let counter = try tool("t", "wc -c")
        let bytes = [UInt8](repeating: 65, count: 1 << 20)
        let output = try await run(Command(counter, [], input: bytes))
        #expect(String(decoding: output.output, as: UTF8.self) == "1048576\n")
        #expect(String(decoding: try await run(Command(counter, [])).output, as: UTF8.self) == "0\n")
    }

    @Test("a program that doesn't read its input doesn't block the run")
    func ignoredInput() async throws {
        let bytes = [UInt8](repeating: 65, count: 1 << 20)
        let output = try await run(Command(try tool("t", "echo done"), [], input: bytes))
        #expect(output.status == 0)
    }

    @Test("the environment is fixed")
    func environment() async throws {
        let output = try await run(Command(try tool("t", "env"), [], environment: ["EXTRA": "1"]))
        let names = Set(
            String(decoding: output.output, as: UTF8.self).split(separator: "\n").map { $0.prefix { $0 != "=" } })
        #expect(names.subtracting(["PWD", "SHLVL", "_"]) == ["EXTRA", "LC_ALL", "PATH"])
    }

    @Test("more output than the limit is an error, diagnostics are cut")
    func limits() async throws {
        let loud = try tool("t", "head -c 300000 /dev/zero | tr '\\0' x >&2; head -c 100 /dev/zero")
        let output = try await run(Command(loud, [], outputLimit: 100))
        #expect(output.diagnostics.utf8.count == 64 << 10)
        let error = await #expect(throws: StorageError.self) { try await run(Command(loud, [], outputLimit: 99)) }
        #expect(error?.code == .hostFailure)
    }

    @Test("endless output ends at the limit")
    func endless() async throws {
        let error = await #expect(throws: StorageError.self) {
            try await run(Command(try tool("t", "cat /dev/zero"), []))
        }
        #expect(error?.code == .hostFailure)
    }

    @Test("a signal is 128 and its number")
    func signals() async throws {
        #expect(try await run(Command(try tool("t", "kill -9 $$"), [])).status == 137)
    }

    @Test("a missing program is 'unavailable' and names the package; PATH isn't looked at")
    func missing() async throws {
        for name in ["sh", "../bin/sh", "", "."] {
            let error = await #expect(throws: StorageError.self) {
                try await run(Command(Tool(name: name, package: "test-utils"), []))
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("test-utils") == true)
        }
    }

    @Test("at the deadline the program and its children are gone before the error comes")
    func deadline() async throws {
        // Neither heeds TERM; the child writes its number.
        let stubborn = try tool(
            "t",
            "trap '' TERM; (trap '' TERM; echo $$ >> \(folder.path)/pids; while :; do sleep 1; done) & echo $! >> "
                + "\(folder.path)/pids; while :; do sleep 1; done")
        let error = await #expect(throws: StorageError.self) {
            try await run(Command(stubborn, []), within: .seconds(3))
        }
        #expect(error?.code == .timedOut)
        let pids = String(decoding: try LocalFile(folder.appending("pids")).read(limit: 1000), as: UTF8.self)
            .split(separator: "\n").compactMap { pid_t($0) }
        #expect(pids.count == 2)
        for pid in pids { await ending(of: pid) }
    }

    @Test("a child of a program that ended on TERM is gone too")
    func obedientLeader() async throws {
        let tool = try tool(
            "t", "(trap '' TERM; while :; do sleep 1; done) & echo $! > \(folder.path)/pid; wait")
        _ = await #expect(throws: StorageError.self) {
            try await run(Command(tool, []), within: .seconds(3))
        }
        let text = String(decoding: try LocalFile(folder.appending("pid")).read(limit: 100), as: UTF8.self)
        await ending(of: try #require(pid_t(text.dropLast())))
    }

    @Test("a cancelled run is 'cancelled', and its program gone")
    func cancellation() async throws {
        let tool = try tool(
            "t", "echo $$ > \(folder.path)/pid; mv \(folder.path)/pid \(folder.path)/there; exec sleep 1000")
        let task = Task { () async -> StorageError.Code? in
            do throws(StorageError) {
                _ = try await run(Command(tool, []))
                return nil
            } catch {
                return error.code
            }
        }
        while try LocalFile(folder.appending("there")).status() == nil { await Task.yield() }
        task.cancel()
        #expect(await task.value == .cancelled)
        let text = String(decoding: try LocalFile(folder.appending("there")).read(limit: 100), as: UTF8.self)
        await ending(of: try #require(pid_t(text.dropLast())))
    }

    /// Waits until a process that was killed is out of the kernel's hands; one that wasn't killed makes this last for ever.
    private func ending(of pid: pid_t) async {
        while !isGone(pid) { await Task.yield() }
    }

    /// Dead, or a zombie that waits for whoever adopts it.
    private func isGone(_ pid: pid_t) -> Bool {
        guard kill(pid, 0) == 0 else { return true }
        guard let bytes = try? LocalFile(FilePath("/proc/\(pid)/stat")).read(limit: 4096) else { return true }
        let state = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.first { $0 != " " }
        return state == "Z" || state == "X"
    }
}
