import SANHost
import SANModel
import Testing

@testable import SANEngine

@Suite("Refreshes", .timeLimit(.minutes(5)))
struct RefreshTests {
    @Test(
        "a refresh that fails never stops the pool: it is degraded, keeps its list, and the next one mends it",
        arguments: [FakeStep.refresh, .adopt, .availability])
    func failedRefresh(_ step: FakeStep) async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("v")])
        let before = try await engine.pool("p")
        fixture.storage.fail(step)
        #expect(await failureCode { _ = try await engine.refreshPool("p") } != nil)
        let status = try await engine.pool("p")
        #expect(status.state == .degraded && status.problems.count == 1)
        #expect(status.refreshedAt == before.refreshedAt && status.capacity == 1000)
        #expect(try await engine.volumes(ofPool: "p").volumes.map(\.name) == ["v"])
        #expect(fixture.storage.isActive("p") && !fixture.storage.calls.contains(.deactivate))
        fixture.storage.mend(step)
        let mended = try await engine.refreshPool("p")
        #expect(mended.state == .running && mended.problems.isEmpty)
        #expect(try #require(mended.refreshedAt) > #require(before.refreshedAt))
    }

    @Test("a storage that hangs ends the refresh at its deadline, told as such, and nothing else waits for it")
    func hang() async throws {
        let fixture = try EngineFixture()
        try await fixture.running(volumes: [EngineFixture.volume("v")])
        try await fixture.running("other")
        fixture.storage.hang(.refresh)
        let hasty = fixture.another(timeout: .milliseconds(300))
        let refresh = Task { await failure { _ = try await hasty.refreshPool("p") } }
        // All of these are answered while it hangs.
        #expect(try await fixture.engine.pools().map(\.state) == [.running, .running])
        #expect(try await fixture.engine.volumes(ofPool: "p").volumes.count == 1)
        #expect(try await fixture.engine.pool("p").state.isActive)
        _ = try await fixture.engine.setAutostart(ofPool: "other", to: true)
        let error = await refresh.value
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("the refresh of pool 'p'") == true)
        let status = try await fixture.engine.pool("p")
        #expect(status.state == .degraded && status.problems.map(\.code) == [.timedOut])
        fixture.storage.release()
    }

    @Test("what is wrong with the pool degrades it until it is gone")
    func problems() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        fixture.storage.problems = [Problem(code: .backendFailure, message: "one of two portals is gone")]
        #expect(try await fixture.engine.refreshPool("p").state == .degraded)
        fixture.storage.problems = []
        #expect(try await fixture.engine.refreshPool("p").state == .running)
    }

    @Test("what is wrong with one volume doesn't degrade the pool")
    func volumeProblem() async throws {
        let fixture = try EngineFixture()
        var bad = EngineFixture.volume("bad")
        bad.problems = [Problem(code: .backendFailure, message: "not ready")]
        try await fixture.running(volumes: [bad, EngineFixture.volume("good")])
        #expect(try await fixture.engine.pool("p").state == .running)
        let volumes = try await fixture.engine.volumes(ofPool: "p").volumes
        #expect(volumes.first?.problems.map(\.message) == ["not ready"])
    }

    @Test("a cancelled refresh is the user's doing: the pool isn't degraded")
    func cancelled() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        let gate = fixture.storage.stop(at: .refresh)
        fixture.storage.wait(at: .refresh)
        let task = Task { await failureCode { _ = try await fixture.engine.refreshPool("p") } }
        await gate.arrival()
        await gate.open()
        task.cancel()
        #expect(await task.value == .cancelled)
        #expect(try await fixture.engine.pool("p").state == .running)
    }

    @Test("a damaged volume list is a problem that asks for a refresh, which mends it")
    func damagedList() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("v")])
        try fixture.write("run/storage/p.vols", "SANVOLS7 and what not, at some length")
        let (status, volumes) = try await engine.volumes(ofPool: "p")
        #expect(volumes.isEmpty && status.problems.first?.message.contains("refresh the pool") == true)
        #expect(await failureCode { _ = try await engine.volume(VolumeReference("v", pool: "p")) } == .hostFailure)
        _ = try await engine.refreshPool("p")
        #expect(try await engine.volumes(ofPool: "p").volumes.count == 1)
    }

    @Test("what another version of sanctl wrote is as if it weren't there, and not damage")
    func otherVersion() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("v")])
        try fixture.write("run/storage/p.vols", "SANVOLS4 and what not, at some length")
        let (status, volumes) = try await engine.volumes(ofPool: "p")
        #expect(volumes.isEmpty && status.state == .running)
        #expect(status.problems.map(\.code) == [.invalidState])
        #expect(status.problems.first?.message.contains("refresh the pool") == true)
        #expect(await failureCode { _ = try await engine.volume(VolumeReference("v", pool: "p")) } == .invalidState)
        _ = try await engine.refreshPool("p")
        #expect(try await engine.volumes(ofPool: "p").volumes.count == 1)
        try fixture.write("run/storage/p.run", "SANSTAT9 and what not, at some length")
        #expect(try await engine.pool("p").state == .inactive)
        #expect(try await engine.pool("p").problems.isEmpty)
    }

    @Test("an inactive pool isn't refreshed or listed")
    func inactive() async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        #expect(await failureCode { _ = try await fixture.engine.refreshPool("p") } == .invalidState)
        #expect(await failureCode { _ = try await fixture.engine.volumes(ofPool: "p") } == .invalidState)
    }

    @Test("a volume that is made while a refresh reads stays in the list")
    func meanwhile() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("gone"), EngineFixture.volume("kept")])
        let gate = fixture.storage.stop(at: .refresh)
        // The fake reads its volumes before it waits.
        let refresh = Task { try await engine.refreshPool("p") }
        await gate.arrival()
        _ = try await engine.createVolume(VolumeDefinition(name: "made", capacity: 1), inPool: "p")
        _ = try await engine.deleteVolume(VolumeReference("gone"), deletingSnapshots: false)
        await gate.open()
        #expect(try await refresh.value.volumeCount == 2)
        #expect(try await engine.volumes(ofPool: "p").volumes.map(\.name) == ["kept", "made"])
    }
}
