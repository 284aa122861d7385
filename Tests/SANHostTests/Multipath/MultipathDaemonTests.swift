import Glibc
import SANHost
import SANModel
import SANTestSupport
import Synchronization
import Testing

@Suite("multipathd", .timeLimit(.minutes(1)))
struct MultipathDaemonTests {
    private let tree: HostTree
    private var deadline: Deadline { .after(.seconds(30)) }

    init() throws {
        tree = try HostTree()
    }

    @Test("the paths of all maps come with one question (L90)")
    func paths() async throws {
        let daemon = try ScriptedMultipathDaemon(in: tree) { _ in
            // multipathd 0.9.4, with a path that is gone, an orphan and nonsense.
            ScriptedMultipathDaemon.frame(
                "8:48|ready|running|10\n8:32|faulty |offline|1\n-1:-1|faulty|[undef]|0\n8:0|i/o pending|running|[undef]\n|\n"
            )
        }
        let paths = try #require(try await MultipathDaemon(host: tree.host).paths(until: deadline))
        #expect(daemon.commands == [#"show paths raw format "%D|%T|%o|%p""#])
        #expect(paths.count == 3)
        #expect(paths[DeviceNumber(major: 8, minor: 48)]?.checker == "ready")
        #expect(paths[DeviceNumber(major: 8, minor: 48)]?.priority == 10)
        #expect(paths[DeviceNumber(major: 8, minor: 32)]?.isFaulty == true)
        #expect(paths[DeviceNumber(major: 8, minor: 0)]?.priority == nil)
        withExtendedLifetime(daemon) {}
    }

    @Test("a socket that only systemd holds isn't connected to (L47)")
    func absent() async throws {
        let daemon = try ScriptedMultipathDaemon(in: tree, isRunning: false) { _ in ScriptedMultipathDaemon.frame("") }
        #expect(try await MultipathDaemon(host: tree.host).paths(until: deadline) == nil)
        // A pid file that was left behind, and its number taken by another program.
        try ScriptedMultipathDaemon.pretendProcess(in: tree, called: "bash")
        #expect(try await MultipathDaemon(host: tree.host).paths(until: deadline) == nil)
        #expect(daemon.commands.isEmpty)
    }

    @Test("'timeout' is asked again (L41)")
    func busy() async throws {
        let count = Mutex(0)
        let daemon = try ScriptedMultipathDaemon(in: tree) { _ in
            let isFirst = count.withLock { count in
                count += 1
                return count < 3
            }
            return ScriptedMultipathDaemon.frame(isFirst ? "timeout\n" : "8:0|ready|running|1\n")
        }
        #expect(try await MultipathDaemon(host: tree.host).paths(until: deadline)?.count == 1)
        #expect(daemon.commands.count == 3)
    }

    @Test("a reply that is cut, or announces too much, is an error and not a wait", arguments: [0, 4, 8, 9, 200])
    func hostile(length: Int) async throws {
        let daemon = try ScriptedMultipathDaemon(in: tree) { _ in
            length == 200
                ? [UInt8](repeating: 0xFF, count: 200)
                : Array(ScriptedMultipathDaemon.frame("8:0|ready|running|1\n").prefix(length))
        }
        let error = await #expect(throws: StorageError.self) {
            try await MultipathDaemon(host: tree.host).paths(until: deadline)
        }
        #expect([.unavailable, .hostFailure].contains(error?.code))
        withExtendedLifetime(daemon) {}
    }

    @Test("a multipathd that runs and takes no connections is said to")
    func unreachable() async throws {
        try ScriptedMultipathDaemon.pretendProcess(in: tree)
        let error = await #expect(throws: StorageError.self) {
            try await MultipathDaemon(host: tree.host).paths(until: deadline)
        }
        #expect(error?.code == .unavailable)
    }

    @Test("a multipathd that never answers is waited for until the deadline")
    func silent() async throws {
        let daemon = try ScriptedMultipathDaemon(in: tree) { _ in
            sleep(30)
            return nil
        }
        let error = await #expect(throws: StorageError.self) {
            try await MultipathDaemon(host: tree.host).paths(until: .after(.milliseconds(200)))
        }
        #expect(error?.code == .timedOut)
        withExtendedLifetime(daemon) {}
    }
}
