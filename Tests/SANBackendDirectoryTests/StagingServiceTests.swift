import Testing

@testable import SANBackendDirectory
@testable import SANImages

/// Needs root, and a file system with attributes (`chattr`) for temporary files.
@Suite struct StagingServiceTests {
    /// It would have the name of a volume that nobody has.
    @Test func `The file that took the name goes where the volume doesn't come`() async throws {
        let fixture = try await DirectoryFixture()
        let staging = try Staging(in: try fixture.pool.files.open(), for: "v")
        try staging.makeFile().write([1], count: 1, at: 0)
        let path = fixture.path("\(staging.name)/volume")
        // It gets neither a second name nor another one.
        try await run("chattr", ["+i", path])
        await expect(.permissionDenied) { try staging.moveInSteps(to: try FileName("v")) }
        #expect(try fixture.names() == [staging.name])
        try await run("chattr", ["-i", path])
        try staging.moveInSteps(to: try FileName("v"))
        staging.end()
        #expect(try fixture.read("v") == [1])
    }
}
