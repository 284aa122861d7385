import SystemPackage
import Testing

@testable import SANTestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

@Suite("Servers that don't outlive the tests")
struct LeashedProcessTests {
    private func sleeper(_ folder: TemporaryFolder) throws -> LeashedProcess {
        let server = try LeashedProcess(["/bin/sleep", "1000000"], environment: [], log: folder.appending("log"))
        for _ in 0..<6_000 where !server.isUp { usleep(10_000) }
        #expect(server.isUp)
        return server
    }

    @Test("a server is killed when the process that holds its leash is gone, stopped or not", arguments: [false, true])
    func killed(isStopped: Bool) throws {
        let server = try sleeper(try TemporaryFolder())
        if isStopped { server.signal(SIGSTOP) }
        #expect(server.loseHold())
    }

    @Test("a server that is ended is ended once, and nobody else is")
    func ended() throws {
        let folder = try TemporaryFolder()
        let (first, second) = (try sleeper(folder), try sleeper(folder))
        first.end()
        first.end()
        #expect(kill(first.pid, 0) != 0)
        #expect(kill(second.pid, 0) == 0)
        #expect(second.loseHold())
    }
}
