import SANModel
import SystemPackage
import Testing

@testable import SANCommands

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

@Suite("Typing a secret on a terminal")
struct InteractiveSecretTests {
    /// A pseudo-terminal: what is written to `keyboard` is typed.
    private struct Terminal {
        let keyboard: FileDescriptor
        let line: FileDescriptor

        init() throws {
            keyboard = try FileDescriptor.open("/dev/ptmx", .readWrite, options: [.closeOnExec])
            // TIOCSPTLCK and TIOCGPTN of ioctl_tty(2), whose macros Swift doesn't see.
            var locked: CInt = 0
            var number: CInt = 0
            try #require(
                ioctl(keyboard.rawValue, 0x4004_5431, &locked) == 0
                    && ioctl(keyboard.rawValue, 0x8004_5430, &number) == 0,
                "This host gives no pseudo-terminal")
            let descriptor = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
            try #require(descriptor >= 0)
            line = FileDescriptor(rawValue: descriptor)
        }

        var hasEcho: Bool {
            var settings = termios()
            return tcgetattr(line.rawValue, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
        }

        func close() {
            try? keyboard.close()  // hangs up whoever still reads the line
            try? line.close()
        }
    }

    /// Has a secret's value asked for on a terminal, and lends what there is while it is.
    private func asking(
        _ body: (CommandLab, Terminal, MemorySink, Task<Int32, Never>) async throws -> Void
    ) async throws {
        let lab = try CommandLab()
        let document = "<secret><usage type='iscsi'><target>demo</target></usage></secret>"
        #expect(try await lab.run("secret define -", input: document).code == 0)
        let terminal = try Terminal()
        defer { terminal.close() }
        let errors = MemorySink(isTerminal: true)
        let console = lab.console(input: terminal.line, errors: errors, isInteractive: true)
        let work = Task { await lab.run(["secret", "set-value", "iscsi:demo", "--interactive"], on: console) }
        await errors.waitFor("Value of iscsi:demo: ")
        try await body(lab, terminal, errors, work)
    }

    @Test("nothing is shown, the newline is no part of it, and the echo is on again", .timeLimit(.minutes(2)))
    func typed() async throws {
        try await asking { lab, terminal, errors, work in
            #expect(!terminal.hasEcho)
            _ = try terminal.keyboard.writeAll("s3cret\n".utf8)
            #expect(await work.value == 0)
            #expect(terminal.hasEcho && !errors.text.contains("s3cret"))
            #expect(try await lab.run("secret get-value iscsi:demo").output == "s3cret")
        }
    }

    @Test("cancelled while it is asked for: the echo is on again, nothing is stored", .timeLimit(.minutes(2)))
    func cancelled() async throws {
        try await asking { (lab, terminal, _, work) async throws in
            work.cancel()
            #expect(await work.value == 130)
            #expect(terminal.hasEcho)
            #expect(try await lab.run("secret get-value iscsi:demo").code == 66)
        }
    }
}
