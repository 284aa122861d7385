import SANHost
import SANModel
import Testing

@testable import SANEngine

@Suite("Autostart, discovery, capabilities")
struct AutostartTests {
    @Test("every marked pool is started; those that fail are told and stop nobody")
    func autostart() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        for number in 1...12 {
            _ = try await engine.definePool(EngineFixture.pool("p\(number)"))
            _ = try await engine.setAutostart(ofPool: "p\(number)", to: true)
        }
        _ = try await engine.definePool(EngineFixture.pool("unmarked"))
        _ = try await engine.startPool("p2")
        try fixture.write("etc/storage/p3.xml", "<pool")
        try LocalFile(fixture.folder.appending("etc/storage/autostart/gone.xml")).link(to: "../gone.xml")
        let outcomes = try await engine.startAutostartedPools()
        #expect(outcomes.map(\.pool) == ["gone"] + (1...12).map { "p\($0)" })
        for outcome in outcomes {
            switch outcome.result {
            case .success(let change): #expect(change.isChanged == (outcome.pool != "p2"))
            case .failure(let error):
                #expect(error.code == (outcome.pool == "gone" ? .notFound : .malformedDefinition))
                #expect(["gone", "p3"].contains(outcome.pool))
            }
        }
        #expect(try await engine.pools(PoolFilter(isActive: true)).count == 11)
        #expect(try await engine.pools(PoolFilter(isActive: false, isAutostarted: false)).map(\.name) == ["unmarked"])
    }

    @Test("the mark of a pool that is gone can be taken away")
    func staleMark() async throws {
        let fixture = try EngineFixture()
        let mark = LocalFile(fixture.folder.appending("etc/storage/autostart/gone.xml"))
        try LocalFolder(fixture.folder.appending("etc/storage/autostart")).create()
        try mark.link(to: "../gone.xml")
        let outcome = try #require(try await fixture.engine.startAutostartedPools().first)
        #expect(throws: StorageError.self) { try outcome.result.get() }
        if case .failure(let error) = outcome.result { #expect(error.message.contains("autostart --disable")) }
        #expect(await failureCode { _ = try await fixture.engine.setAutostart(ofPool: "gone", to: true) } == .notFound)
        #expect(try await fixture.engine.setAutostart(ofPool: "gone", to: false).isChanged)
        #expect(try mark.status() == nil)
        #expect(await failureCode { _ = try await fixture.engine.setAutostart(ofPool: "gone", to: false) } == .notFound)
    }

    @Test("what a type can do is told by its conformances, what is missing by its availability")
    func capabilities() async throws {
        let fixture = try EngineFixture()
        let all = await fixture.engine.capabilities()
        #expect(all.map(\.type) == PoolType.allCases.sorted { $0.rawValue < $1.rawValue })
        let directory = try #require(all.first { $0.type == .directory })
        #expect(directory.availability.isAvailable)
        #expect(directory.operations == directory.operations.sorted())
        #expect(
            Set(["build", "delete", "find-sources", "volume-create", "volume-upload"]).isSubset(
                of: directory.operations))
        #expect(all.first { $0.type == .multipath }?.operations == ["refresh", "start", "stop", "volume-list"])
        let rbd = try #require(all.first { $0.type == .rbd })
        #expect(!rbd.availability.isAvailable && rbd.availability.reason != nil && rbd.operations.isEmpty)
    }

    @Test("sources are asked for where the type can")
    func discovery() async throws {
        let fixture = try EngineFixture()
        var query = PoolSource()
        query.hosts = [PoolSource.Host(name: "san")]
        #expect(try await fixture.engine.discoverSources(type: .directory, query: query) == [query])
        let error = await failure { _ = try await fixture.engine.discoverSources(type: .multipath, query: query) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.hasPrefix("Pool type 'mpath' does not support source discovery; ") == true)
        #expect(
            await failureCode { _ = try await fixture.engine.discoverSources(type: .rbd, query: query) } == .unsupported
        )
    }
}
