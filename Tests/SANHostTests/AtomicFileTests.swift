import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANHost

@Suite("Atomic files")
struct AtomicFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func contents(_ path: FilePath) throws -> String {
        String(decoding: try LocalFile(path).read(limit: 100), as: UTF8.self)
    }

    @Test("a written file is its user's alone, and nothing else is left in the folder")
    func writes() throws {
        let path = folder.appending("file")
        try AtomicFile(path).write(Array("new".utf8))
        #expect(try contents(path) == "new")
        #expect(try LocalFile(path).status()?.permissions == 0o600)
        #expect(try LocalFolder(folder.path).names() == ["file"])
    }

    @Test("a crash after any step leaves the old or the new contents", arguments: AtomicFile.Step.allCases)
    func crashes(_ last: AtomicFile.Step) throws {
        let path = folder.appending("file")
        try AtomicFile(path).write(Array("old".utf8))
        let crashing = AtomicFile(path) { step throws(StorageError) in
            if step == last { throw StorageError(.cancelled, "crash") }
        }
        #expect(throws: StorageError.self) { try crashing.write(Array("new".utf8)) }
        let isNew = last == .renamed || last == .finished
        #expect(try contents(path) == (isNew ? "new" : "old"))
    }

    @Test("leftovers of dead writers are removed, those of living ones stay")
    func leftovers() throws {
        let names = [".sanctl-2147483646-1.tmp", ".sanctl-\(ownProcess)-1.tmp", "file"]
        for name in names { try AtomicFile(folder.appending(name)).write([]) }
        try AtomicFile.removeLeftovers(in: LocalFolder(folder.path))
        #expect(try LocalFolder(folder.path).names() == Array(names.dropFirst()))
    }

    @Test("a folder that isn't there is not_found, and the error names it")
    func missingFolder() throws {
        let path = folder.appending("no/file")
        let error = #expect(throws: StorageError.self) { try AtomicFile(path).write([]) }
        #expect(error?.code == .notFound)
        #expect(error?.subject.values[.path]?.hasSuffix("/no") == true)
    }

    private var ownProcess: String {
        AtomicFile.temporaryName().split(separator: "-").dropFirst().first.map(String.init) ?? ""
    }
}
