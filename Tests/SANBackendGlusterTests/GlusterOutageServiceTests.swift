import SANEngine
import SANHost
import SANImages
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

    // MARK: What is left

    /// Where a brick hangs while a volume is made.
    enum Step: CaseIterable { case staging, space, name, folder, deletion }

    /// Has a step of a creation hang until its deadline, and the brick go on after that.
    private func hang(at step: Step, _ pool: GlusterPool, _ server: GlusterDaemon) async throws -> StorageError? {
        let short = GlusterFixture.context(deadline: .milliseconds(300), patience: .milliseconds(300))
        let definition = GlusterFixture.definition("new", 4096, allocation: 0)
        let plan = try CreationPlan(VolumeRequest(definition))
        return await #expect(throws: StorageError.self) {
            switch step {
            case .staging, .folder:
                let format = step == .folder ? VolumeFormat.directory : .raw
                try server.pauseBrick(of: "v")
                _ = try await pool.createVolume(
                    VolumeRequest(GlusterFixture.definition("new", 4096, format: format)), in: short)
            case .space, .name:
                _ = try await pool.publish("new", plan, short) { staging throws(StorageError) in
                    do { try server.pauseBrick(of: "v") } catch { throw StorageError(.hostFailure, "\(error)") }
                    if step == .space { try await pool.allocate(new: 0..<4096, of: staging.file, short) }
                }
            case .deletion:
                let listed = try await pool.inspect("a", in: GlusterFixture.context())
                try server.pauseBrick(of: "v")
                _ = try await pool.deleteVolume(listed, deletingSnapshots: false, in: short)
            }
        }
    }

    @Test(arguments: Step.allCases)
    func `A creation that a brick holds up says what may be left, and that goes when the brick goes on`(
        step: Step
    ) async throws {
        let server = try GlusterDaemon()
        let pool = try await pool(on: server)
        let folder = server.folder.appending("bricks").appending("v")
        let error = try #require(try await hang(at: step, pool, server))
        #expect(error.code == .timedOut)
        let told = error.causes.map(\.message).joined()
        switch step {
        case .staging: #expect(told.contains("/v/.new.sanctl-…' may still be made; the next refresh removes it"))
        case .space: #expect(told.contains("/v/.new.sanctl-") && told.contains("is left; the next refresh removes it"))
        case .name: #expect(told.contains("/v/new' may still get its name") && told.contains("/v/.new.sanctl-"))
        case .folder: #expect(told.contains("/v/new' may still be made"))
        case .deletion: #expect(told.contains("/v/a' may still be deleted"))
        }
        try server.resumeBrick(of: "v")
        // No refresh removes it: the call that was out does when it comes back, or what waited for that.
        let deadline = Deadline.after(.seconds(60))
        var isBack = false
        while !isBack, !deadline.hasPassed {
            isBack = (try? await pool.call("a test", GlusterFixture.context()) { _ in }) != nil  // asked again
        }
        let wanted = step == .deletion ? [".glusterfs"] : [".glusterfs", "a"]
        var names: [String] = []
        repeat { names = try LocalFolder(folder).names().sorted() } while names != wanted && !deadline.hasPassed
        #expect(isBack && names == wanted)
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
