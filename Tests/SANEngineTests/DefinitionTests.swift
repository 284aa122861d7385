import SANHost
import SANModel
import SANXML
import SystemPackage
import Testing

@testable import SANEngine

@Suite("Definitions")
struct DefinitionTests {
    private func pool(_ name: String, path: String? = nil, uuid: StorageUUID? = nil) -> PoolDefinition {
        EngineFixture.pool(name, path: path, uuid: uuid)
    }

    @Test("the same document again changes nothing, with and without its UUID")
    func idempotent() async throws {
        let fixture = try EngineFixture()
        let stored = try await fixture.engine.definePool(pool("p")).value.definition
        #expect(try await fixture.engine.definePool(try #require(stored)).isChanged == false)
        #expect(try await fixture.engine.definePool(pool("p")).isChanged == false)
    }

    @Test("a name or UUID that is taken is refused in libvirt's words")
    func taken() async throws {
        let fixture = try EngineFixture()
        let uuid = StorageUUID.random()
        _ = try await fixture.engine.definePool(pool("p", uuid: uuid))
        let other = await failure { _ = try await fixture.engine.definePool(pool("p", path: "/other")) }
        #expect(other?.code == .alreadyExists)
        #expect(other?.message.hasPrefix("Pool 'p' already exists with uuid \(uuid)") == true)
        let renamed = await failure { _ = try await fixture.engine.definePool(pool("q", uuid: uuid)) }
        #expect(renamed?.code == .alreadyExists)
        #expect(renamed?.message.hasPrefix("Pool 'p' is already defined with uuid \(uuid); ") == true)
        #expect(try await fixture.engine.definePool(pool("p", path: "/other", uuid: uuid)).isChanged)
        #expect(try await fixture.engine.definition(ofPool: uuid.description).target?.path == "/other")
    }

    @Test("what is stored can be read again: a long definition is, and one that is too long isn't stored")
    func long() async throws {
        let fixture = try EngineFixture()
        var definition = pool("p")
        definition.foreign.elements = ["<x>" + String(repeating: "y", count: 5 << 20) + "</x>"]
        let long = definition
        #expect(try await fixture.engine.definePool(long).isChanged)
        #expect(try await fixture.engine.pool("p").problems.isEmpty)
        definition = pool("q")
        definition.foreign.elements = Array(repeating: long.foreign.elements[0], count: 4)
        let longer = definition
        #expect(await failureCode { _ = try await fixture.engine.definePool(longer) } == .invalidArgument)
        #expect(try await fixture.engine.definition(ofPool: "p").foreign.elements.count == 1)
    }

    @Test("names that look like other files of the store are names like others")
    func strangeNames() async throws {
        let fixture = try EngineFixture()
        let names = ["autostart", ".hidden", "p.xml", String(repeating: "x", count: 250)]
        for name in names {
            _ = try await fixture.engine.definePool(pool(name, path: "/" + name))
            _ = try await fixture.engine.setAutostart(ofPool: name, to: true)
        }
        #expect(Set(try await fixture.engine.pools().filter(\.isAutostarted).map(\.name)) == Set(names))
        for name in [".", "..", "a/b"] {
            #expect(await failureCode { _ = try await fixture.engine.definePool(pool(name)) } == .invalidArgument)
        }
    }

    @Test("a source that another pool has is refused and names it")
    func duplicate() async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(pool("p", path: "/d"))
        let error = await failure { _ = try await fixture.engine.definePool(pool("q", path: "/d")) }
        #expect(error?.code == .alreadyExists)
        #expect(error?.message == "Storage source conflict with pool: 'p'; use that pool, or undefine it first")
        #expect(await failureCode { _ = try await fixture.engine.createPool(pool("q", path: "/d")) } == .alreadyExists)
        #expect(try await fixture.engine.pools().map(\.name) == ["p"])
    }

    @Test("a running pool's new definition takes effect after the stop")
    func redefine() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running()
        var new = try await engine.definition(ofPool: "p", inactive: true)
        new.target?.path = "/new"
        #expect(try await engine.definePool(new).value.state == .running)
        #expect(try await engine.definition(ofPool: "p").target?.path == "/srv/p")
        #expect(try await engine.definition(ofPool: "p", inactive: true).target?.path == "/new")
        #expect(await failureCode { _ = try await engine.undefinePool("p") } == .invalidState)
        _ = try await engine.stopPool("p")
        #expect(try await engine.startPool("p").value.definition?.target?.path == "/new")
    }

    @Test("a file that doesn't parse is a broken pool with its place, never skipped or overwritten")
    func broken() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try fixture.write("etc/storage/bad.xml", "<pool type='dir'>\n  <name>bad</nome>\n</pool>")
        try fixture.write(
            "etc/storage/other.xml", "<pool type='dir'><name>mine</name><target><path>/d</path></target></pool>")
        _ = try await engine.definePool(pool("good"))
        let pools = try await engine.pools()
        #expect(pools.map(\.name) == ["bad", "good", "other"])
        let bad = try #require(pools.first)
        #expect(bad.definition == nil && bad.state == .inactive && bad.isPersistent)
        #expect(bad.problems.first?.code == .malformedDefinition)
        #expect(bad.problems.first?.message.hasPrefix("2:") == true)
        #expect(pools.last?.problems.first?.message.contains("'mine'") == true)

        let refused = await failure { _ = try await engine.definePool(pool("bad")) }
        #expect(refused?.code == .invalidState)
        #expect(refused?.causes.first?.code == .malformedDefinition)
        #expect(try fixture.read("etc/storage/bad.xml").contains("nome"))
        #expect(await failureCode { _ = try await engine.startPool("bad") } == .malformedDefinition)
        #expect(await failureCode { _ = try await engine.definition(ofPool: "bad") } == .malformedDefinition)
        #expect(
            await failureCode { _ = try await engine.setAutostart(ofPool: "bad", to: true) } == .malformedDefinition)
        #expect(try await engine.undefinePool("bad").value == "bad")
        #expect(try !fixture.exists("etc/storage/bad.xml"))
    }

    @Test("a running pool goes on where its file was broken by hand")
    func brokenWhileRunning() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        try fixture.write("etc/storage/p.xml", "<pool")
        let status = try await fixture.engine.pool("p")
        #expect(status.state == .running && status.definition?.name == "p")
        #expect(status.problems.map(\.code) == [.malformedDefinition])
        #expect(try await fixture.engine.stopPool("p").value.state == .inactive)
    }

    @Test("what sanctl doesn't know in a document survives define, redefine and dump")
    func foreign() async throws {
        let fixture = try EngineFixture()
        let xml =
            "<pool type='dir' xmlns:x='urn:x'><name>p</name><target><path>/d</path></target><x:note a='1'>hi</x:note></pool>"
        _ = try await fixture.engine.definePool(try PoolDefinition(xml: Array(xml.utf8)))
        #expect(try fixture.read("etc/storage/p.xml").contains("note"))
        #expect(try await fixture.engine.definition(ofPool: "p").xml.contains("hi"))
    }

    @Test(
        "a crash between any two steps of a define leaves the old or the new definition",
        arguments: AtomicFile.Step.allCases)
    func crash(_ last: AtomicFile.Step) async throws {
        let fixture = try EngineFixture()
        let old = try await fixture.engine.definePool(pool("p", path: "/old")).value.definition
        let crashing = StorageEngine(
            EngineFixture.configuration(fixture.folder), backends: [FakeBackend(storage: fixture.storage)],
            checkpoint: { step throws(StorageError) in
                if step == last { throw StorageError(.hostFailure, "crash") }
            })
        var new = try #require(old)
        new.target?.path = "/new"
        #expect(await failureCode { _ = try await crashing.definePool(new) } == .hostFailure)
        let isNew = last == .renamed || last == .finished
        #expect(try await fixture.engine.definition(ofPool: "p").target?.path == (isNew ? "/new" : "/old"))
        #expect(try await fixture.engine.pools().count == 1)
    }

    @Test(
        "a type without a backend is defined, listed, dumped and undefined; starting it is 'unsupported'",
        arguments: PoolType.allCases.filter { ![.directory, .multipath].contains($0) })
    func withoutBackend(_ type: PoolType) async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        _ = try await engine.definePool(try PoolValidationTests.pool(type))
        #expect(try await engine.pools(PoolFilter(types: [type])).map(\.name) == ["p"])
        #expect(try await engine.definition(ofPool: "p").type == type)
        let error = await failure { _ = try await engine.startPool("p") }
        #expect(error?.code == .unsupported)
        #expect(error?.subject.values[.pool] == "p")
        #expect(try await engine.pool("p").state == .inactive)
        _ = try await engine.undefinePool("p")
        #expect(try await engine.pools().isEmpty)
    }

    @Test("what a backend refuses isn't stored")
    func refused() async throws {
        let fixture = try EngineFixture()
        fixture.storage.fail(.validate, .invalidArgument)
        #expect(await failureCode { _ = try await fixture.engine.definePool(pool("p")) } == .invalidArgument)
        #expect(try await fixture.engine.pools().isEmpty)
    }

    @Test(
        "hostile references name nothing",
        arguments: ["", "/", "../p", "a\0b", "a\nb", String(repeating: "x", count: 300)])
    func references(_ reference: String) async throws {
        let fixture = try EngineFixture()
        #expect(await failureCode { _ = try await fixture.engine.pool(reference) } == .notFound)
    }

    @Test(
        "names at the limits can be defined, marked, run and removed",
        arguments: [".x", "...", String(repeating: "ü", count: 125)])
    func names(_ name: String) async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        _ = try await engine.definePool(pool(name, path: "/d"))
        _ = try await engine.setAutostart(ofPool: name, to: true)
        #expect(try await engine.startPool(name).value.state == .running)
        #expect(try await engine.refreshPool(name).name == name)
        _ = try await engine.stopPool(name)
        _ = try await engine.undefinePool(name)
        #expect(try await engine.pools().isEmpty)
    }

    @Test("autostart is a link that goes with the definition")
    func autostart() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        _ = try await engine.definePool(pool("p"))
        #expect(try await engine.setAutostart(ofPool: "p", to: true).isChanged)
        #expect(try await engine.setAutostart(ofPool: "p", to: true).isChanged == false)
        #expect(try LocalFile(fixture.folder.appending("etc/storage/autostart/p.xml")).status()?.isLink == true)
        #expect(try await engine.pools(PoolFilter(isAutostarted: true)).map(\.name) == ["p"])
        #expect(try await engine.setAutostart(ofPool: "p", to: false).value.isAutostarted == false)
        _ = try await engine.setAutostart(ofPool: "p", to: true)
        _ = try await engine.undefinePool("p")
        #expect(try !fixture.exists("etc/storage/autostart/p.xml"))
        _ = try await engine.createPool(pool("t"))
        #expect(await failureCode { _ = try await engine.setAutostart(ofPool: "t", to: true) } == .invalidState)
    }
}
