import SANHost
import SANModel
import SystemPackage
import Testing

@testable import SANEngine

@Suite("Commands at the same time", .timeLimit(.minutes(5)))
struct ConcurrencyTests {
    @Test("two starts of one pool: the second waits its turn and finds it done")
    func twoStarts() async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        let gate = fixture.storage.stop(at: .activate)
        let first = Task { try await fixture.engine.startPool("p").isChanged }
        await gate.arrival()
        let second = Task { try await fixture.another().startPool("p").isChanged }
        await gate.open()
        #expect(try await first.value)
        #expect(try await second.value == false)
        #expect(fixture.storage.calls.filter { $0 == .activate }.count == 1)
    }

    @Test(
        "whoever can't have its turn in time is 'busy' and told by what",
        arguments: ["start", "stop", "refresh", "define"])
    func busy(_ verb: String) async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        let gate = fixture.storage.stop(at: .activate)
        let first = Task { try await fixture.engine.startPool("p") }
        await gate.arrival()
        #expect(try await fixture.engine.pool("p").state == .starting)
        let hasty = fixture.another(timeout: .milliseconds(50))
        let error = await failure {
            switch verb {
            case "start": _ = try await hasty.startPool("p")
            case "stop": _ = try await hasty.stopPool("p")
            case "refresh": _ = try await hasty.refreshPool("p")
            default: _ = try await hasty.definePool(EngineFixture.pool("p", path: "/other"))
            }
        }
        #expect(error?.code == .busy)
        #expect(error?.message.contains("'start'") == true)
        #expect(error?.subject.values[.pool] == "p")
        await gate.open()
        #expect(try await first.value.isChanged)
    }

    @Test("pools never wait for each other, not even to be defined while another starts")
    func otherPools() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        _ = try await engine.definePool(EngineFixture.pool("p"))
        let gate = fixture.storage.stop(at: .activate)
        let first = Task { try await engine.createPool(EngineFixture.pool("transient")) }
        await gate.arrival()
        _ = try await engine.definePool(EngineFixture.pool("q"))
        _ = try await engine.undefinePool("q")
        // But what is starting has its name and its source already.
        #expect(
            await failureCode {
                _ = try await engine.definePool(EngineFixture.pool("r", path: "/srv/transient"))
            } == .alreadyExists)
        await gate.open()
        #expect(try await first.value.isChanged)
    }

    @Test("a stop while a volume is uploaded waits, then is 'busy'; the upload goes on")
    func stopWhileUploading() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("v"), EngineFixture.volume("w")])
        let gate = fixture.storage.stop(at: .upload)
        let end = DataEnd(descriptor: .standardInput, isSeekable: false, name: "test")
        let upload = Task {
            try await engine.upload(end, to: VolumeReference("v"), TransferRequest(), progress: NoProgress())
        }
        await gate.arrival()
        let hasty = fixture.another(timeout: .milliseconds(50))
        let stop = await failure { _ = try await hasty.stopPool("p") }
        #expect(stop?.code == .busy)
        #expect(stop?.message.contains("'volume upload'") == true)
        let reference = VolumeReference("v", pool: "p")
        #expect(await failureCode { _ = try await hasty.deleteVolume(reference, deletingSnapshots: false) } == .busy)
        #expect(
            await failureCode {
                _ = try await hasty.download(reference, to: end, TransferRequest(), progress: NoProgress())
            } == .busy)
        // Other volumes, and the list, are free.
        _ = try await hasty.download(VolumeReference("w"), to: end, TransferRequest(), progress: NoProgress())
        #expect(try await hasty.refreshPool("p").state == .running)
        #expect(try await hasty.pool("p").state == .running)
        await gate.open()
        #expect(try await upload.value.bytes == 1)
        // What the upload changed is in the list.
        #expect(try await engine.volume(reference).volume.definition.allocation == 77)
        #expect(try await engine.stopPool("p").isChanged)
    }

    @Test("two downloads of one volume go together")
    func downloads() async throws {
        let fixture = try EngineFixture()
        try await fixture.running(volumes: [EngineFixture.volume("v")])
        let gate = fixture.storage.stop(at: .download)
        let end = DataEnd(descriptor: .standardOutput, isSeekable: false, name: "test")
        let first = Task {
            try await fixture.engine.download(
                VolumeReference("v"), to: end, TransferRequest(), progress: NoProgress())
        }
        await gate.arrival()
        await gate.open()
        _ = try await fixture.another().download(
            VolumeReference("v"), to: end, TransferRequest(), progress: NoProgress())
        _ = try await first.value
    }

    @Test("two refreshes of one pool take turns")
    func refreshes() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        let gate = fixture.storage.stop(at: .refresh)
        let first = Task { try await fixture.engine.refreshPool("p") }
        await gate.arrival()
        let error = await failure { _ = try await fixture.another(timeout: .milliseconds(50)).refreshPool("p") }
        #expect(error?.code == .busy)
        #expect(try await fixture.engine.pool("p").state == .running, "a busy refresh isn't the pool's fault")
        await gate.open()
        _ = try await first.value
    }

    @Test("clones across each other don't block each other")
    func clones() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: ["a", "b"].map { EngineFixture.volume($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for round in 0..<20 {
                group.addTask { _ = try await engine.cloneVolume(VolumeReference("a"), named: "from-a-\(round)") }
                group.addTask { _ = try await engine.cloneVolume(VolumeReference("b"), named: "from-b-\(round)") }
            }
            try await group.waitForAll()
        }
        #expect(try await engine.volumes(ofPool: "p").volumes.count == 42)
    }

    @Test("one of many defines of one source wins")
    func defines() async throws {
        let fixture = try EngineFixture()
        let outcomes = await withTaskGroup(of: StorageError.Code?.self) { group in
            for number in 0..<10 {
                group.addTask {
                    await failureCode {
                        _ = try await fixture.engine.definePool(EngineFixture.pool("p\(number)", path: "/d"))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == nil }.count == 1)
        #expect(outcomes.filter { $0 == .alreadyExists }.count == 9)
        #expect(try await fixture.engine.pools().count == 1)
    }
}
