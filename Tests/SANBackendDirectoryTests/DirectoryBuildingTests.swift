import FoundationEssentials
import SANEngine
import SANHost
import SANModel
import SANTestSupport
import Testing

@testable import SANBackendDirectory

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct DirectoryBuildingTests {
    let root: TemporaryFolder
    let backend = DirectoryBackend(host: HostRoot("/"), commands: SubprocessRunner())
    var definition = PoolDefinition(type: .directory, name: "p")
    let context = DirectoryFixture.context()

    init() throws {
        root = try TemporaryFolder()
        definition.target = PoolTarget(path: root.appending("a/b/pool").string)
    }

    private func mode(_ name: String) throws -> Int {
        try FileManager.default.attributesOfItem(atPath: root.appending(name).string)[.posixPermissions] as? Int ?? -1
    }

    @Test func `Building makes the folder and the ones above it, once`() async throws {
        #expect(try await backend.build(definition, mode: .normal, in: context).isChanged)
        #expect(try mode("a/b/pool") == 0o711)
        #expect(try mode("a/b") == 0o755)
        #expect(try await !backend.build(definition, mode: .normal, in: context).isChanged)
    }

    @Test func `A folder that is there gets the mode of the document, and keeps its own without one`() async throws {
        var definition = definition
        try FileManager.default.createDirectory(
            atPath: root.appending("a/b/pool").string, withIntermediateDirectories: true)
        #expect(try await !backend.build(definition, mode: .normal, in: context).isChanged)
        #expect(try mode("a/b/pool") == 0o755)
        definition.target?.permissions = Permissions(mode: 0o744, owner: getuid(), group: getgid())
        #expect(try await backend.build(definition, mode: .normal, in: context).isChanged)
        #expect(try mode("a/b/pool") == 0o744)
        #expect(try await !backend.build(definition, mode: .normal, in: context).isChanged)
    }

    @Test func `A build that fails leaves no folder`() async throws {
        var definition = definition
        definition.copyOnWrite = false  // not on btrfs
        await expect(.unsupported) { try await backend.build(definition, mode: .normal, in: context) }
        #expect(!FileManager.default.fileExists(atPath: root.appending("a").string))
        try Data().write(to: URL(filePath: root.appending("a").string))
        await expect(.hostFailure) { try await backend.build(self.definition, mode: .normal, in: context) }
    }

    @Test func `Only an empty folder is deleted`() async throws {
        _ = try await backend.build(definition, mode: .normal, in: context)
        try Data().write(to: URL(filePath: root.appending("a/b/pool/x").string))
        await expect(.invalidState) { try await backend.delete(definition, in: context) }
        try FileManager.default.removeItem(atPath: root.appending("a/b/pool/x").string)
        #expect(try await backend.delete(definition, in: context).isChanged)
        #expect(try await !backend.delete(definition, in: context).isChanged)
        #expect(FileManager.default.fileExists(atPath: root.appending("a/b").string))
    }

    @Test func `Starting needs the folder, and adopting doesn't touch it`() async throws {
        await expect(.notFound) { try await backend.activate(definition, in: context) }
        let adopted = try #require(try await backend.adopt(definition, in: context))
        await expect(.notFound) { try await adopted.refresh(in: context) }
    }

    @Test(arguments: [nil, "", "relative", "/new\nline"])
    func `A target that isn't an absolute path is refused`(path: String?) {
        var definition = definition
        definition.target = PoolTarget(path: path)
        #expect(throws: StorageError.self) { try backend.validate(definition) }
    }

    @Test func `A mode over 0777 is refused`() {
        var definition = definition
        definition.target?.permissions = Permissions(mode: 0o1777)
        #expect(throws: StorageError.self) { try backend.validate(definition) }
    }

    @Test func `Without qemu-img the backend is there, and says what it can't`() async {
        let backend = DirectoryBackend(host: HostRoot("/"), commands: SubprocessRunner(folders: []))
        let availability = await backend.availability()
        #expect(availability.isAvailable)
        #expect(availability.package == "qemu-utils")
    }
}
