import SANModel
import Testing

@testable import SANEngine

@Suite("The life of a pool")
struct LifeCycleTests {
    @Test("define, start, refresh, list, stop, undefine")
    func happyPath() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        let defined = try await engine.definePool(EngineFixture.pool("p"))
        #expect(defined.isChanged)
        #expect(defined.value.state == .inactive)
        #expect(defined.value.definition?.uuid != nil)
        #expect(defined.value.isPersistent)

        fixture.storage.setVolumes("p", ["unit:0:0:10", "unit:0:0:2"].map { EngineFixture.volume($0) })
        let started = try await engine.startPool("p")
        #expect(started.isChanged)
        #expect(started.value.state == .running)
        #expect(started.value.capacity == 1000)
        #expect(started.value.volumeCount == 2)
        #expect(started.value.refreshedAt != nil)
        #expect(fixture.storage.isActive("p"))
        #expect(try await engine.startPool("p").isChanged == false)

        // Another process sees the same, from the files.
        let (status, volumes) = try await fixture.another().volumes(ofPool: "p")
        #expect(status == started.value)
        #expect(volumes.map(\.name) == ["unit:0:0:2", "unit:0:0:10"])

        fixture.storage.setVolumes("p", [EngineFixture.volume("new")])
        #expect(try await engine.refreshPool("p").volumeCount == 1)
        let document = try await engine.definition(ofPool: "p")
        #expect(document.capacity == 1000 && document.available == 600)
        #expect(try await engine.definition(ofPool: "p", inactive: true).capacity == nil)

        let stopped = try await engine.stopPool("p")
        #expect(stopped.isChanged && stopped.value.state == .inactive && stopped.value.capacity == nil)
        #expect(!fixture.storage.isActive("p"))
        #expect(try await engine.stopPool("p").isChanged == false)
        #expect(try await engine.undefinePool("p").value == "p")
        #expect(try await engine.pools().isEmpty)
    }
}
