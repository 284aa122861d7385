import Glibc
import Testing

/// A file of the test's, removed when the value goes.
final class ScratchFile: Sendable {
    let path: String
    let size: Int

    init(_ bytes: [UInt8]) throws {
        var template = Array("/tmp/scripted-target-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Whole sectors, as an image is.
        let padded = bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
        size = padded.count
        let written = unsafe padded.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        try #require(written == padded.count)
    }

    func text() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer.prefix(count)
        }
    }

    deinit {
        _ = unsafe unlink(path)
    }
}

/// An initiator from libiscsi-bin or qemu-utils, ended after two minutes.
final class Tool: Sendable {
    private let process: pid_t
    private let continuation: CheckedContinuation<Int32, Never>

    private init(_ process: pid_t, _ continuation: CheckedContinuation<Int32, Never>) {
        self.process = process
        self.continuation = continuation
    }

    static func run(_ arguments: String...) async throws -> (status: Int32, output: String) {
        try await run(arguments)
    }

    static func run(_ arguments: [String]) async throws -> (status: Int32, output: String) {
        let output = try ScratchFile([])
        let process = try start(["timeout", "-k", "1", "120"] + arguments, output: output.path)
        let status = await withCheckedContinuation { wait(Tool(process, $0)) }
        return (status, output.text())
    }

    private static func start(_ arguments: [String], output: String) throws -> pid_t {
        var process: pid_t = 0
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_APPEND, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        let result = unsafe posix_spawn(&process, "/usr/bin/timeout", &actions, nil, &words, environ)
        try #require(result == 0, "\(arguments[3]) can't be started: errno \(result)")
        return process
    }

    /// Waits on a thread of its own, since a process takes as long as the test wants it to.
    private static func wait(_ tool: Tool) {
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(tool).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let tool = unsafe Unmanaged<Tool>.fromOpaque(argument).takeRetainedValue()
                var status: Int32 = 0
                unsafe waitpid(tool.process, &status, 0)
                tool.continuation.resume(returning: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
                return nil
            }, argument)
        precondition(result == 0, "out of threads")
        pthread_detach(thread)
    }
}
