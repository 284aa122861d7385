import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A server that ends with this process, however this process ends.
///
/// A watcher, the server's child, reads a pipe whose other end only this process has: the kernel closes that end when the process is killed.
/// PR_SET_PDEATHSIG wouldn't do: it fires when the *thread* that started the server ends, and threads here come and go.
final class LeashedProcess: Sendable {
    private struct State {
        var pid: pid_t
        var leash: FileDescriptor?
    }

    private let state: Mutex<State>
    let pid: pid_t

    /// - Parameter arguments: the program's absolute path, and its arguments.
    init(_ arguments: [String], environment: [String], log: FilePath) throws {
        let (reading, writing) = try FileDescriptor.pipe()
        defer { try? reading.close() }  // the watcher has its own
        for end in [reading, writing] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        // A line tells the watcher that its time is over: the server's number may be another's by then. The name is looked at for the
        // same reason. `exec` leaves the server under the number that the shell had.
        let script = """
            (
                read -r line <&3 && exit
                read -r name <"/proc/$$/comm"
                case "$name" in "$0"|sh) kill -KILL $$ ;; esac
            ) &
            exec 3<&-
            exec "$@"
            """
        let name = String((FilePath(arguments[0]).lastComponent?.string ?? "").prefix(15))
        do {
            pid = try Spawn.start(
                ["/bin/sh", "-c", script, name] + arguments, environment: environment, log: log, passing: reading)
        } catch {
            try? writing.close()  // the error is told already
            throw error
        }
        state = Mutex(State(pid: pid, leash: writing))
    }

    deinit {
        end()
    }

    func signal(_ number: Int32) {
        state.withLock { state in
            if state.pid > 0 { _ = kill(state.pid, number) }
        }
    }

    /// Ends it at once; a second time does nothing.
    func end() {
        state.withLock { state in
            guard state.pid > 0 else { return }
            Spawn.end(state.pid)
            state.pid = 0
            // Where the watcher is gone too, nobody reads it.
            _ = try? state.leash?.writeAll("\n".utf8)
            letGo(&state)
        }
    }

    /// Whether the program runs, and not the shell that starts it.
    var isUp: Bool {
        guard let file = try? FileDescriptor.open("/proc/\(pid)/comm", .readOnly) else { return false }  // it ended
        defer { try? file.close() }  // reading is over
        var name = [UInt8](repeating: 0, count: 16)
        let count = (try? name.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0  // it ended
        return name.prefix(count) != [0x73, 0x68, 0x0A]
    }

    /// What the kernel does when this process is killed.
    ///
    /// - Returns: whether the server ended within a minute.
    func loseHold() -> Bool {
        state.withLock { state in
            letGo(&state)
            for _ in 0..<6_000 where Spawn.isRunning(state.pid) { usleep(10_000) }
            // A wait that found it ended has taken it away; another one finds nothing.
            let isGone = kill(state.pid, 0) != 0
            if isGone { state.pid = 0 }
            return isGone
        }
    }

    private func letGo(_ state: inout State) {
        try? state.leash?.close()  // a pipe's end has nothing to lose
        state.leash = nil
    }
}
