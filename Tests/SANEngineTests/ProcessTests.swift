import Glibc
import SANHost
import SANModel
import SANTestSupport
import SANXML
import Synchronization
import SystemPackage
import Testing

@testable import SANEngine

@Suite("Several processes, and ones that are killed", .timeLimit(.minutes(5)))
struct ProcessTests {
    private static let uuid = StorageUUID("11111111-2222-3333-4444-555555555555")

    private func probe(_ fixture: EngineFixture, _ arguments: String...) -> ProbeProcess {
        ProbeProcess(arguments: [arguments[0], fixture.folder.path.string] + arguments.dropFirst())
    }

    @Test("kill -9 while a pool is defined over and over leaves the old or the new definition", arguments: 1...6)
    func killedDefine(_ round: Int) async throws {
        let fixture = try EngineFixture()
        let last = try await probe(fixture, "define", "p").kill(afterLines: round * 3).line
        let definition = try await fixture.engine.definition(ofPool: "p")
        let path = try #require(definition.target?.path)
        let seen = try #require(Int(path.split(separator: "/").last ?? ""))
        let told = try #require(Int(last))
        #expect(seen >= told)
        #expect(definition.uuid == Self.uuid)
        // Its locks went with it, and what it left in the folder is cleared away.
        _ = try await fixture.engine.definePool(EngineFixture.pool("q"))
        #expect(try LocalFolder(fixture.folder.appending("etc/storage")).names() == ["p.xml", "q.xml"])
    }

    @Test("a start that was killed is reported as interrupted, and start works again")
    func killedStart() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        _ = try await engine.definePool(EngineFixture.pool("p"))
        _ = try await probe(fixture, "start", "p").kill(afterLines: 1) { process in
            // While it is at work the pool is starting, and whoever wants it too is told who has it.
            let state = try await engine.pool("p").state
            #expect(state == .starting)
            let busy = await failure { _ = try await fixture.another(timeout: .milliseconds(50)).startPool("p") }
            #expect(busy?.code == .busy)
            #expect(busy?.message.contains("'start' (process \(process))") == true)
        }
        let status = try await engine.pool("p")
        #expect(status.state == .inactive)
        #expect(status.problems.first?.message.contains("The last start was interrupted") == true)
        let started = try await engine.startPool("p")
        #expect(started.isChanged && started.value.state == .running && started.value.problems.isEmpty)
    }

    @Test("an interrupted start can be stopped, undefined, and doesn't hide a definition")
    func stopAfterKill() async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        _ = try await probe(fixture, "start", "p").kill(afterLines: 1)
        fixture.storage.setActive("p", true)
        #expect(try await fixture.engine.stopPool("p").isChanged)
        #expect(!fixture.storage.isActive("p"), "what the killed start had brought up is taken down")
        #expect(try await fixture.engine.pool("p").problems.isEmpty)
        #expect(try await fixture.engine.undefinePool("p").value == "p")
    }

    @Test("two processes that start and stop one pool take turns: never a mixture")
    func turns() async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        async let first = probe(fixture, "cycle", "p", "25").run()
        async let second = probe(fixture, "cycle", "p", "25").run()
        let results = try await [first, second]
        for result in results { #expect(result.isSuccess, "\(result.output)") }
        // Whatever one of them started was stopped once.
        let changes = results.compactMap { Int($0.output.dropLast()) }.reduce(0, +)
        #expect(changes > 0 && changes.isMultiple(of: 2))
        #expect(try await fixture.engine.pool("p").state == .inactive)
    }

    @Test("a program that writes data ends with the process that runs it, however that ends")
    func killedWriter() async throws {
        let folder = try TemporaryFolder()
        let (origin, target) = (folder.appending("origin").string, folder.appending("target").string)
        try #require(mkfifo(origin, 0o600) == 0 && mkfifo(target, 0o600) == 0)
        let ends = Mutex<(to: FileDescriptor, from: FileDescriptor)?>(nil)
        _ = try await ProbeProcess(arguments: ["copy", origin, target]).kill(afterLines: 1) { _ in
            // Each opening of a pipe's end waits for that of the other end.
            let opened = try await blocking("dd to open its files") {
                (try FileDescriptor.open(origin, .writeOnly), try FileDescriptor.open(target, .readOnly))
            }
            ends.withLock { $0 = opened }
            _ = try opened.0.writeAll([7])
            #expect(try await blocking("a byte") { try opened.1.readByte() } == 7)
        }
        let (to, from) = try #require(ends.withLock { $0 })
        // Without a leash it reads on, and this end stays open.
        let end = await Task { try await blocking("the end of dd") { try from.readByte() } }.result
        try to.close()
        #expect(try end.get() == nil)
        try from.close()
    }

    /// A call that blocks, with a deadline.
    private func blocking<Value: Sendable>(
        _ what: String, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let result = try await withBlockingThread(
            named: "test", until: .after(.seconds(60)), waitingFor: what
        ) { () throws(StorageError) in Result { try body() } }
        return try result.get()
    }
}

extension FileDescriptor {
    /// Nil at the end.
    fileprivate func readByte() throws -> UInt8? {
        var byte: UInt8 = 0
        return try withUnsafeMutableBytes(of: &byte) { try read(into: $0) } == 0 ? nil : byte
    }
}
