import SANHost
import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A private temporary copy of a document for the user's editor.
///
/// Whatever goes wrong, it stays until ``discard()``.
struct EditorDraft: Sendable {
    let path: FilePath
    private let folder: FilePath
    private let editor: [String]

    /// - Parameters:
    ///   - name: for the file's name, which editors show.
    ///   - environment: has `VISUAL`, `EDITOR` and `TMPDIR`.
    /// - Throws: `host_failure`.
    init(text: [UInt8], name: String, environment: [String: String]) throws(StorageError) {
        // Words, as in EDITOR="code --wait"; never a shell.
        editor = (EditorDraft.chosenEditor(in: environment) ?? "editor").split(separator: " ").map { String($0) }
        let base = environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        var template = Array("\(base)/sanctl-edit-XXXXXX".utf8CString)
        // mkdtemp(3): a folder of mode 0700 with a name that nobody else has.
        guard unsafe mkdtemp(&template) != nil else {
            throw StorageError(.hostFailure, "No folder can be made below \(base.printable): \(Errno(rawValue: errno))")
        }
        folder = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        let safe = name.unicodeScalars.allSatisfy { $0.isASCII && !$0.actsOnTerminals && $0 != "/" }
        path = folder.appending((safe ? name : "pool") + ".xml")
        do {
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
            try file.closeAfter { _ = try file.writeAll(text) }
        } catch {
            throw StorageError(.hostFailure, "\(path.string.printable) can't be written: \(error)")
        }
    }

    /// What `VISUAL` or `EDITOR` says; nil where neither says anything.
    static func chosenEditor(in environment: [String: String]) -> String? {
        ["VISUAL", "EDITOR"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }

    /// Runs the editor on the terminal until it ends.
    ///
    /// - Throws: `unavailable` where it can't be started, `host_failure` where it ends in failure, `cancelled`.
    func edit() async throws(StorageError) {
        let arguments = editor + [path.string]
        let name = editor.first ?? "editor"
        let process = try EditorDraft.spawn(name, arguments)
        let status = try await withBlockingThread(named: "san-editor", until: .never, waitingFor: name) {
            EditorDraft.wait(for: process)
        }
        guard status == 0 else {
            throw StorageError(.hostFailure, "The editor \(name.printable) failed", subject: .tool(name))
        }
    }

    func read(console: Console) async throws(StorageError) -> [UInt8] {
        try await InputFile(path.string, console: console).read(
            limit: Session.documentLimit, excess: .malformedDefinition)
    }

    /// The text is stored, or as it was before: the draft isn't needed.
    func discard() {
        unsafe unlink(path.string)
        unsafe rmdir(folder.string)
    }

    /// The error, saying where the text is.
    func kept(_ error: StorageError) -> StorageError {
        error.adding(
            cause: StorageError(.invalidState, "The text is kept in \(path.string)", subject: .path(path.string)))
    }

    private static func spawn(_ name: String, _ arguments: [String]) throws(StorageError) -> pid_t {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // sanctl ignores SIGPIPE; the editor must not inherit that.
        var signals = sigset_t()
        _ = unsafe sigemptyset(&signals)
        _ = unsafe sigaddset(&signals, SIGPIPE)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var process = pid_t()
        var words: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        let result = unsafe posix_spawnp(&process, name, nil, &attributes, &words, environ)
        guard result == 0 else {
            throw StorageError(
                .unavailable, "The editor \(name.printable) can't be started (\(Errno(rawValue: result))): set EDITOR",
                subject: .tool(name))
        }
        return process
    }

    /// - Returns: the exit code; 128 and more for a signal.
    private static func wait(for process: pid_t) -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { return 128 }
        }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
