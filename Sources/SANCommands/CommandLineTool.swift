import ArgumentParser
import CLinux
import SANBackends
import SANEngine
import SANHost
import SANModel

/// `sanctl`: parses the command line, does what it says, prints the outcome, and gives the exit code.
public enum CommandLineTool {
    /// The real program: this process's arguments, streams and host.
    ///
    /// - Returns: the exit code.
    public static func main() async -> Int32 {
        // Our threads wait more than they allocate, and a heap of its own costs one more than it does in its short life.
        san_memory_set_most_heaps(2)
        let arguments = Array(CommandLine.arguments.dropFirst())
        let assembly = Assembly(
            environment: ProcessEnvironment.current, console: .standard(), backends: Assembly.backends,
            hbas: Assembly.hbas, commands: SubprocessRunner())
        let interrupts = Interrupts()
        let work = Task { await run(arguments, assembly) }
        let watch = Task {
            await interrupts?.wait()
            if !Task.isCancelled { work.cancel() }
        }
        defer { watch.cancel() }
        return await work.value
    }

    /// One run with everything given to it; cancelling the task cancels the work.
    ///
    /// - Parameter arguments: without the program's name.
    /// - Returns: the exit code.
    public static func run(_ arguments: [String], _ assembly: Assembly) async -> Int32 {
        let order = ArgumentOrder { words in SANCtl.verbs(of: words).map { Set($0.keys) } }
        var early = Printer(
            console: assembly.console, format: ArgumentOrder.wantsJSON(arguments) ? .json : .table, isQuiet: false)
        let command: any ParsableCommand
        do {
            command = try await CompletionContext.$assembly.withValue(assembly) {
                try await parse(order.normalized(arguments))
            }
        } catch {
            return finish(parsing: error, early)
        }
        guard let verb = command as? any StorageCommand else { return finish(withoutVerb: command, early) }
        let session = Session(assembly: assembly, options: verb.globals.values)
        early = session.printer
        guard session.options.format != .xml || verb is PoolFindSources else {
            return early.print(StorageError(.invalidArgument, "Only pool find-sources prints XML for --output xml"))
        }
        do throws(StorageError) {
            return session.printer.print(try await verb.perform(in: session))
        } catch {
            return session.printer.print(error)
        }
    }

    /// The command that the arguments, in the parser's order, name.
    ///
    /// The verb's own parser comes first: parsing from the root takes three times as long, as it looks at every verb. Whatever isn't
    /// simply a verb with its arguments (help, a mistake) is the root's, which knows the words before the verb.
    private static func parse(_ arguments: [String]) async throws -> any ParsableCommand {
        var named: (any ParsableCommand.Type)?
        var count = 1
        while count < arguments.count, let verb = SANCtl.verbs(of: Array(arguments.prefix(count)))?[arguments[count]] {
            named = verb
            count += 1
        }
        if let verb = named as? any StorageCommand.Type,
            let command = try? await verb.asyncParseAsRoot(Array(arguments.dropFirst(count))),  // see above
            command is any StorageCommand
        {
            return command
        }
        return try await SANCtl.asyncParseAsRoot(arguments)
    }

    /// Help, version and completion are what was asked for; the rest is a mistake of the command line.
    private static func finish(parsing error: any Error, _ printer: Printer) -> Int32 {
        let text = SANCtl.fullMessage(for: error)
        if SANCtl.exitCode(for: error) == .success {
            return printer.print(Report(.lines(BashWords.completing(text) + "\n")))
        }
        if printer.format == .json {
            return printer.print(StorageError(.invalidArgument, SANCtl.message(for: error)))
        }
        // The parser's text repeats what the user typed.
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            printer.console.report(String(line).terminalSafe + "\n")
        }
        return StorageError.Code.invalidArgument.exitCode
    }

    /// `sanctl` or `sanctl pool` alone, or `sanctl help …`.
    private static func finish(withoutVerb command: any ParsableCommand, _ printer: Printer) -> Int32 {
        var command = command
        do {
            try command.run()
            return 0
        } catch {
            let isAsked = type(of: command).configuration.commandName == "help"
            let text = SANCtl.fullMessage(for: error)
            if isAsked { return printer.print(Report(.lines(text + "\n"))) }
            if printer.format == .table { printer.console.report(text + "\n") }
            if printer.format == .table { return StorageError.Code.invalidArgument.exitCode }
            return printer.print(StorageError(.invalidArgument, "A verb is missing: see sanctl --help"))
        }
    }
}

extension Assembly {
    /// Every backend of this build.
    static let backends: @Sendable (any CommandRunner, HostRoot) -> [any StorageBackend] = { commands, host in
        Backends.all(host: host, commands: commands, events: UdevMonitor())
    }

    /// The virtual HBAs of this host.
    static let hbas: @Sendable (HostRoot) -> VirtualHBAs = { host in Backends.hbas(host: host, events: UdevMonitor()) }
}
