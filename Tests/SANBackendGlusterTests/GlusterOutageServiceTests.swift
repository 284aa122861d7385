import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendGluster

/// Bricks and servers that die or hang, on a server of their own.
@Suite(.timeLimit(.minutes(5))) struct GlusterOutageServiceTests {
    private func pool(on server: GlusterDaemon) async throws -> GlusterPool {
        try server.addVolume("v")
        let pool = try await GlusterFixture.pool([PoolSource.Host(name: server.address)], "v", directory: nil)
        _ = try await pool.createVolume(
            VolumeRequest(GlusterFixture.definition("a", 4096)), in: GlusterFixture.context())
        return pool
    }

    /// Refreshes until it works: a brick that is back is found by the library in its own time.
    private func recovered(_ pool: GlusterPool) async throws -> PoolSnapshot {
        let deadline = Deadline.after(.seconds(60))
        var last: PoolSnapshot?
        while last == nil, !deadline.hasPassed {
            last = try? await pool.refresh(in: GlusterFixture.context())  // asked again
        }
        return try #require(last)
    }

    @Test func `A killed brick is told, and the next refresh finds it back`() async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        try server.killBrick(of: "v")
        let error = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(error?.code == .unavailable)
        try server.restartBrick(of: "v")
        #expect(try await recovered(pool).volumes.map(\.name) == ["a"])
    }

    @Test func `A hung brick costs one deadline, and later calls nothing`() async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        try server.pauseBrick(of: "v")
        let first = await #expect(throws: StorageError.self) {
            try await pool.refresh(in: GlusterFixture.context(deadline: .milliseconds(300)))
        }
        #expect(first?.code == .timedOut)
        let second = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(second?.code == .busy)
        try server.resumeBrick(of: "v")
        #expect(try await recovered(pool).volumes.map(\.name) == ["a"])
    }

    @Test func `A hung server is left for the next one in time`() async throws {
        let fixture = try await GlusterFixture()
        let hung = try GlusterDaemon()
        hung.pause()
        let hosts = [hung.address, fixture.server.address].map { PoolSource.Host(name: $0) }
        let pool = try await GlusterFixture.pool(hosts, GlusterFixture.volumeName, directory: "/" + fixture.folder)
        let snapshot = try await pool.refresh(in: GlusterFixture.context(deadline: .seconds(20)))
        #expect(snapshot.volumes.isEmpty)

        let alone = try await GlusterFixture.pool(Array(hosts.prefix(1)), "v", directory: nil)
        let error = await #expect(throws: StorageError.self) {
            try await alone.refresh(in: GlusterFixture.context(deadline: .milliseconds(300)))
        }
        #expect(error?.code == .timedOut)
    }

    @Test func `A volume that was stopped is told as such`() async throws {
        let server = try GlusterDaemon()
        try server.addVolume("v")
        try server.stopVolume("v")
        let pool = try await GlusterFixture.pool([PoolSource.Host(name: server.address)], "v", directory: nil)
        let error = await #expect(throws: StorageError.self) { try await pool.refresh(in: GlusterFixture.context()) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("volume start v") == true)
    }
}
