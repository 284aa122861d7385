import SANModel
import SANTestSupport
import Testing

@testable import SANBackendDirectory
@testable import SANImages

#if canImport(Glibc)
    import Glibc
#endif

/// Files that can't be read now, and what is known of them (0007).
@Suite struct FileReaderTests {
    private func volume(_ name: String, _ fixture: DirectoryFixture, after list: [Volume]) async throws -> Volume? {
        var context = fixture.context
        context.lastVolumes = { list }
        return try await fixture.pool.refresh(in: context).volumes.first { $0.name == name }
    }

    /// As on a share whose server is gone, where neither an open nor a look ends well.
    @Test func `A file without a status is a volume with a problem, and stays raw`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1, 2, 3])
        try fixture.write("image", HandMadeImage.qcow2(version: 3).bytes)
        let list = Array(try await fixture.volumes().values)
        let system = try FileSystem(of: try fixture.pool.files.open())
        // What is no folder has no names below it, and says so (ENOTDIR).
        let file = try fixture.pool.files.open().open("v", FileFlags.read)
        var reader = FileReader(folder: file, system: system, raw: RawFiles { list })
        let unread = reader.volume(named: "v")
        let broken = try #require(unread)
        #expect(broken.problems.first?.code == .hostFailure)
        #expect(broken.definition.target.format == .raw && broken.definition.physical == 3)
        #expect(broken.file == list.first { $0.name == "v" }?.file)
        let unreadImage = reader.volume(named: "image")
        let image = try #require(unreadImage)
        #expect(image.definition.target.format == nil && !image.problems.isEmpty)
        // And is raw still when it answers again.
        try fixture.write("header", HandMadeImage.qcow2(version: 3).bytes)
        try await run("dd", ["if=\(fixture.path("header"))", "of=\(fixture.path("v"))", "conv=notrunc", "status=none"])
        #expect(try await volume("v", fixture, after: [broken])?.definition.target.format == .raw)
        #expect(try await volume("image", fixture, after: [image])?.definition.target.format == .qcow2)
        // What isn't there is no volume.
        var other = FileReader(folder: try fixture.pool.files.open(), system: system, raw: RawFiles { list })
        let gone = other.volume(named: "gone")
        #expect(gone == nil)
    }

    /// The link's own status says nothing of the file.
    @Test func `What a link leads to stays raw while the link leads nowhere`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [UInt8](repeating: 7, count: 4096))
        #expect(symlink("v", fixture.path("link")) == 0)
        let first = try await fixture.volume("link")
        func turn(to destination: String) throws {
            #expect(unlink(fixture.path("link")) == 0)
            #expect(symlink(destination, fixture.path("link")) == 0)
        }
        try turn(to: "link")
        let broken = try #require(try await volume("link", fixture, after: [first]))
        #expect(broken.problems.first?.code == .permissionDenied)
        #expect(broken.definition.target.format == .raw && broken.file == first.file)
        try fixture.write("header", HandMadeImage.qcow2(version: 3).bytes)
        try await run("dd", ["if=\(fixture.path("header"))", "of=\(fixture.path("v"))", "conv=notrunc", "status=none"])
        try turn(to: "v")
        #expect(try await volume("link", fixture, after: [broken])?.definition.target.format == .raw)
        #expect(try await volume("link", fixture, after: [])?.definition.target.format == .qcow2)
        // It is deleted as what it is listed as.
        try turn(to: "link")
        let change = try await fixture.pool.deleteVolume(broken, deletingSnapshots: false, in: fixture.context)
        #expect(change.isChanged)
        #expect(try fixture.names() == ["header", "v"])
    }
}
