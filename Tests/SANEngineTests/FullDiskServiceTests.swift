import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANEngine

/// A runtime folder without room, as `/run` is when somebody else has filled it.
@Suite("A full runtime folder", .timeLimit(.minutes(5)))
struct FullDiskServiceTests {
    private func withFullDisk(_ fixture: EngineFixture, _ body: () async throws -> Void) async throws {
        let runtime = fixture.folder.appending("run")
        try LocalFolder(runtime).create()
        try await LoopDevice.run("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", runtime.string])
        do {
            try await fixture.running()
            // It ends when nothing goes in any more.
            let filling = Task { try await LoopDevice.run("dd", ["if=/dev/zero", "of=\(runtime)/rubbish", "bs=4k"]) }
            _ = await filling.result
            try await body()
        } catch {
            try await LoopDevice.run("umount", [runtime.string])
            throw error
        }
        try await LoopDevice.run("umount", [runtime.string])
    }

    @Test("a pool is stopped all the same")
    func stop() async throws {
        let fixture = try EngineFixture()
        try await withFullDisk(fixture) { () async throws in
            #expect(await failureCode { _ = try await fixture.engine.refreshPool("p") } == .hostFailure)
            _ = try await fixture.engine.stopPool("p")
            #expect(!fixture.storage.isActive("p"))
            #expect(try await fixture.engine.pool("p").state == .inactive)
        }
    }

    @Test("a stop that fails says why the pool is still up, not only that there is no room")
    func failedStop() async throws {
        let fixture = try EngineFixture()
        try await withFullDisk(fixture) { () async throws in
            fixture.storage.fail(.deactivate)
            let error = await failure { _ = try await fixture.engine.stopPool("p") }
            #expect(error?.code == .backendFailure)
            #expect(error?.causes.first?.code == .hostFailure)
            #expect(fixture.storage.isActive("p"))
            #expect(try await fixture.engine.pool("p").state == .running)
        }
    }
}
