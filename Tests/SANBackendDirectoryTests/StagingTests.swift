import FoundationEssentials
import SANEngine
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendDirectory
@testable import SANImages

#if canImport(Glibc)
    import Glibc
#endif

/// The private folder in which a volume is made, and how the volume leaves it.
@Suite struct StagingTests {
    /// As on NFS, which knows no rename that refuses a name that is taken.
    @Test func `A file gets its name in steps, and no other file loses its own`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("taken", [7])
        let staging = try Staging(in: try fixture.pool.files.open())
        let file = try staging.makeFile()
        try file.write([1, 2], count: 2, at: 0)
        await expect(.alreadyExists) { try staging.moveInSteps(to: try FileName("taken")) }
        #expect(try fixture.read("taken") == [7])
        try staging.moveInSteps(to: try FileName("v"))
        // As where the first answer was lost.
        try staging.moveInSteps(to: try FileName("v"))
        staging.end()
        #expect(try fixture.read("v") == [1, 2])
        #expect(try fixture.names() == ["taken", "v"])
    }

    @Test func `A folder gets its name in steps`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("taken", [7])
        let staging = try Staging(in: try fixture.pool.files.open())
        try FileManager.default.createDirectory(
            atPath: fixture.path("\(staging.name)/volume"), withIntermediateDirectories: false)
        await expect(.alreadyExists) { try staging.moveInSteps(to: try FileName("taken")) }
        try staging.moveInSteps(to: try FileName("v"))
        staging.end()
        #expect(try fixture.names() == ["taken", "v"])
    }

    /// The lock of another host on a share isn't seen here.
    @Test func `What may be another host's is swept when nobody has touched it for a day`() async throws {
        let fixture = try await DirectoryFixture()
        let pool = try fixture.pool.files.open()
        let folder = fixture.path(".sanctl-00000000000dead0")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try fixture.write(".sanctl-00000000000dead0/volume", [1])
        let entries = try FolderEntries(of: try fixture.pool.files.open())
        var system = try FileSystem(of: pool)
        #expect(system.isLocal)
        system.isLocal = false
        var now = Timestamp.now
        Staging.sweep(pool, entries, on: system, now: now)
        #expect(try fixture.names() == [".sanctl-00000000000dead0"])
        now.seconds += 25 * 60 * 60
        Staging.sweep(pool, entries, on: system, now: now)
        #expect(try fixture.names().isEmpty)
    }
}
