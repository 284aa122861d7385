import SANHost
import SANModel
import SANXML
import Testing

@testable import SANEngine

/// For every step of a start, a create and a stop: what a failure at that step leaves.
@Suite("Failures at each step", .timeLimit(.minutes(5)))
struct FailureTests {
    private static let startSteps: [FakeStep] = [.availability, .build, .activate, .refresh]

    private func start(_ fixture: EngineFixture, transient: Bool) async throws {
        if transient {
            _ = try await fixture.engine.createPool(EngineFixture.pool("p"), building: .normal)
        } else {
            _ = try await fixture.engine.startPool("p", building: .normal)
        }
    }

    @Test(
        "a start that fails leaves an inactive pool and nothing on the host; the next one works",
        arguments: startSteps, [false, true])
    func start(_ step: FakeStep, transient: Bool) async throws {
        let fixture = try EngineFixture()
        if !transient { _ = try await fixture.engine.definePool(EngineFixture.pool("p")) }
        fixture.storage.fail(step)
        let error = await failure { try await start(fixture, transient: transient) }
        #expect(error?.code == (step == .availability ? .unavailable : .backendFailure))
        #expect(error?.subject.values[.pool] == "p" || step == .availability)
        #expect(!fixture.storage.isActive("p"))
        #expect(fixture.storage.calls.contains(.deactivate) == (step == .refresh))
        let left = try await fixture.engine.pools()
        #expect(left.map(\.state) == (transient ? [] : [.inactive]))
        #expect(left.flatMap(\.problems).isEmpty)
        #expect(try LocalFolder(fixture.folder.appending("run/storage")).names() == [])

        fixture.storage.mend(step)
        try await start(fixture, transient: transient)
        #expect(try await fixture.engine.pool("p").state == .running)
    }

    @Test("the missing package is named")
    func unavailable() async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        fixture.storage.fail(.availability)
        let error = await failure { _ = try await fixture.engine.startPool("p") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("install the package fake-utils") == true)
    }

    @Test("what was active before a failed start isn't taken down by it")
    func unchangedActivation() async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        fixture.storage.setActive("p", true)
        fixture.storage.activationIsUnchanged = true
        fixture.storage.fail(.refresh)
        #expect(await failureCode { _ = try await fixture.engine.startPool("p") } == .backendFailure)
        #expect(fixture.storage.isActive("p"))
        #expect(!fixture.storage.calls.contains(.deactivate))
    }

    @Test("a start whose undo fails too leaves a failed pool that tells both, and can be started or stopped")
    func undoFails() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        _ = try await engine.definePool(EngineFixture.pool("p"))
        fixture.storage.fail(.refresh)
        fixture.storage.fail(.deactivate, .busy)
        let error = await failure { _ = try await engine.startPool("p") }
        #expect(error?.code == .backendFailure)
        #expect(error?.causes.map(\.code) == [.busy])
        let status = try await engine.pool("p")
        #expect(status.state == .failed)
        #expect(status.problems.map(\.code) == [.backendFailure, .busy])
        #expect(await failureCode { _ = try await engine.refreshPool("p") } == .invalidState)
        #expect(await failureCode { _ = try await engine.undefinePool("p") } == .invalidState)

        // A start that doesn't get as far as the host leaves it as it was.
        fixture.storage.fail(.availability)
        #expect(await failureCode { _ = try await engine.startPool("p") } == .unavailable)
        #expect(try await engine.pool("p").state == .failed)
        fixture.storage.mend(.availability)
        fixture.storage.mend(.refresh)
        fixture.storage.mend(.deactivate)
        #expect(try await engine.startPool("p").value.state == .running)
    }

    @Test(
        "a stop that fails leaves the pool active, degraded with the reason; the next one works",
        arguments: [FakeStep.availability, .adopt, .deactivate])
    func stop(_ step: FakeStep) async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("v")])
        fixture.storage.fail(step)
        #expect(await failure { _ = try await engine.stopPool("p") } != nil)
        let status = try await engine.pool("p")
        #expect(status.state == .degraded && status.problems.count == 1 && status.volumeCount == 1)
        #expect(try await engine.volumes(ofPool: "p").volumes.map(\.name) == ["v"])
        #expect(fixture.storage.isActive("p"))
        fixture.storage.mend(step)
        #expect(try await engine.stopPool("p").value.state == .inactive)
        #expect(!fixture.storage.isActive("p"))
    }

    @Test("a forced stop forgets the pool and tells what went wrong")
    func force() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        fixture.storage.fail(.deactivate)
        let stopped = try await fixture.engine.stopPool("p", force: true)
        #expect(stopped.isChanged && stopped.value.state == .inactive)
        #expect(stopped.value.problems.map(\.code) == [.backendFailure, .backendFailure])
        #expect(stopped.value.problems.last?.message == "The fake device of 'p' stays")
        #expect(try await fixture.engine.pool("p").problems.isEmpty)
    }

    @Test("a forced stop that can't tell what stays says so")
    func forceUnknown() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        fixture.storage.fail(.deactivate, .busy)
        fixture.storage.fail(.remains)
        let problems = try await fixture.engine.stopPool("p", force: true).value.problems
        #expect(problems.map(\.code) == [.busy, .backendFailure])
        #expect(problems.last?.message == "What stays on the host can't be told: The fake remains fails")
    }

    @Test("a pool that the host lost is stopped without its backend")
    func stopLost() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        fixture.storage.setActive("p", false)
        #expect(try await fixture.engine.stopPool("p").isChanged)
        #expect(!fixture.storage.calls.contains(.deactivate))
    }

    @Test("a start that hangs ends at the deadline; what comes up late is taken down", arguments: [FakeStep.activate])
    func hangingStart(_ step: FakeStep) async throws {
        let fixture = try EngineFixture(timeout: .milliseconds(300))
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        fixture.storage.hang(step)
        let error = await failure { _ = try await fixture.engine.startPool("p") }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("the start of pool 'p'") == true)
        #expect(try await fixture.engine.pool("p").state == .inactive)
        fixture.storage.release()
    }

    @Test("a cancelled start is 'cancelled' and taken back, although its caller is gone")
    func cancelledStart() async throws {
        let fixture = try EngineFixture()
        _ = try await fixture.engine.definePool(EngineFixture.pool("p"))
        let gate = fixture.storage.stop(at: .refresh)
        fixture.storage.wait(at: .refresh)
        let task = Task { await failureCode { _ = try await fixture.engine.startPool("p") } }
        await gate.arrival()
        await gate.open()
        task.cancel()
        #expect(await task.value == .cancelled)
        #expect(!fixture.storage.isActive("p"))
        let status = try await fixture.engine.pool("p")
        #expect(status.state == .inactive)
        #expect(status.problems.isEmpty, "it wasn't interrupted: it was taken back to its end")
    }

    @Test("build and delete: unsupported, refused while active, and failing")
    func building() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        _ = try await engine.definePool(EngineFixture.pool("p"))
        _ = try await engine.definePool(
            PoolDefinition(type: .multipath, name: "m", target: PoolTarget(path: "/dev/mapper")))
        #expect(try await engine.buildPool("p", mode: .overwrite).isChanged)
        #expect(try await engine.deletePool("p").isChanged)
        for operation in [FakeStep.build, .delete] {
            fixture.storage.fail(operation)
        }
        #expect(await failureCode { _ = try await engine.buildPool("p") } == .backendFailure)
        #expect(await failureCode { _ = try await engine.deletePool("p") } == .backendFailure)
        #expect(await failureCode { _ = try await engine.buildPool("m") } == .unsupported)
        #expect(
            await failure { _ = try await engine.deletePool("m") }?.message.hasPrefix(
                "Storage pool 'm' of type 'mpath' does not support pool deletion; ") == true)
        _ = try await engine.startPool("p")
        #expect(await failureCode { _ = try await engine.buildPool("p") } == .invalidState)
        #expect(await failureCode { _ = try await engine.deletePool("p") } == .invalidState)
    }

    @Test("a transient pool is there while it runs, becomes persistent by a define, and is gone with the stop")
    func transient() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        let created = try await engine.createPool(EngineFixture.pool("t"))
        #expect(created.isChanged && !created.value.isPersistent && created.value.state == .running)
        #expect(try await engine.createPool(EngineFixture.pool("t")).isChanged == false)
        let definition = try #require(created.value.definition)
        var other = definition
        other.target?.path = "/other"
        #expect(await failure { _ = try await engine.createPool(other) }?.message == "pool is already active as 't'")
        #expect(await failureCode { _ = try await engine.undefinePool("t") } == .invalidState)
        #expect(try await engine.stopPool("t").value.state == .inactive)
        #expect(try await engine.pools().isEmpty)

        _ = try await engine.createPool(definition)
        #expect(try await engine.definePool(definition).value.isPersistent)
        _ = try await engine.stopPool("t")
        #expect(try await engine.pools().map(\.name) == ["t"])
    }

    @Test("a state of an earlier boot counts for nothing")
    func reboot() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        _ = try await fixture.engine.createPool(EngineFixture.pool("t"))
        try fixture.setBoot("boot-2")
        fixture.storage.setActive("p", false)
        let pools = try await fixture.engine.pools()
        #expect(pools.map(\.name) == ["p"])
        #expect(pools.first?.state == .inactive && pools.first?.problems == [])
        #expect(try await fixture.engine.startPool("p").isChanged)
    }

    @Test("a damaged state file is told, not trapped on, and a stop or start mends it", arguments: [true, false])
    func damagedState(_ stops: Bool) async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running()
        try fixture.write("run/storage/p.run", "SANSTAT3 and what not")
        let status = try await engine.pool("p")
        #expect(status.state == .failed && status.problems.first?.message.contains("damaged") == true)
        if stops {
            #expect(try await engine.stopPool("p").value.state == .inactive)
            #expect(!fixture.storage.isActive("p"))
        } else {
            #expect(try await engine.startPool("p").value.state == .running)
        }
    }
}
