import SANHost
import SANModel
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension Session {
    /// Asks before something that can't be undone.
    ///
    /// - Throws: `invalid_argument` without a terminal and without `--yes`; `cancelled` for any answer but yes.
    func confirm(_ question: String, _ options: ConfirmationOptions) async throws(StorageError) {
        if options.yes { return }
        guard console.isInteractive else {
            throw StorageError(
                .invalidArgument, "There is no terminal to ask on whether this is meant: add --yes if it is")
        }
        guard try await ask(question.terminalSafe + " [y/N] ").lowercased().hasPrefix("y") else {
            throw StorageError(.cancelled, "Nothing was changed")
        }
    }

    /// Asks for a line on the terminal.
    ///
    /// - Returns: it, without its newline; empty at the end of the input.
    /// - Throws: `cancelled`, `host_failure`.
    func ask(_ prompt: String) async throws(StorageError) -> String {
        console.report(prompt)
        return String(decoding: try await Session.readLine(console.input), as: UTF8.self)
    }

    /// Asks for a line that isn't shown while it is typed.
    ///
    /// The terminal is as it was before when this returns or throws; Ctrl-C and Ctrl-\ cancel, Ctrl-Z is off meanwhile.
    ///
    /// - Throws: `invalid_argument` without a terminal, `cancelled`, `host_failure`.
    func askSecretly(_ prompt: String) async throws(StorageError) -> [UInt8] {
        guard console.isInteractive else {
            throw StorageError(.invalidArgument, "There is no terminal to type on: use --stdin or --file")
        }
        let quiet = try TerminalEcho(console.input)
        defer {
            quiet.restore()
            console.report("\n")
        }
        console.report(prompt)
        return try await Session.readLine(console.input)
    }

    private static func readLine(_ input: FileDescriptor) async throws(StorageError) -> [UInt8] {
        try await withBlockingThread(named: "san-question", until: .never, waitingFor: "an answer") {
            () throws(StorageError) in
            var line: [UInt8] = []
            // A secret isn't to be left behind where the array outgrew its memory.
            line.reserveCapacity(4096)
            var byte: UInt8 = 0
            while true {
                // One byte at a time: what comes after the line belongs to somebody else.
                let count = unsafe read(input.rawValue, &byte, 1)
                if count < 0 && errno == EINTR { continue }
                guard count >= 0 else {
                    throw StorageError(.hostFailure, "The terminal can't be read: \(Errno(rawValue: errno))")
                }
                if count == 0 || byte == UInt8(ascii: "\n") { return line }
                line.append(byte)
            }
        }
    }
}

/// A terminal whose echo is off.
private struct TerminalEcho {
    private let descriptor: Int32
    private let saved: termios

    init(_ terminal: FileDescriptor) throws(StorageError) {
        descriptor = terminal.rawValue
        var settings = termios()
        guard unsafe tcgetattr(descriptor, &settings) == 0 else {
            throw StorageError(.hostFailure, "The terminal's settings can't be read: \(Errno(rawValue: errno))")
        }
        saved = settings
        settings.c_lflag &= ~tcflag_t(ECHO)
        // A suspended sanctl would leave the shell without echo.
        unsafe withUnsafeMutableBytes(of: &settings.c_cc) { codes in
            unsafe codes[Int(VSUSP)] = 0  // _POSIX_VDISABLE
        }
        guard unsafe tcsetattr(descriptor, TCSAFLUSH, &settings) == 0 else {
            throw StorageError(.hostFailure, "The terminal's echo can't be turned off: \(Errno(rawValue: errno))")
        }
    }

    func restore() {
        var settings = saved
        _ = unsafe tcsetattr(descriptor, TCSAFLUSH, &settings)
    }
}
