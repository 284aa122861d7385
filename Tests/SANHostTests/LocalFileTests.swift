import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@Suite("Files and folders")
struct LocalFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test("a file over the limit, a folder and a link aren't read")
    func refusals() throws {
        try AtomicFile(folder.appending("file")).write([UInt8](repeating: 1, count: 11))
        #expect(try LocalFile(folder.appending("file")).read(limit: 11).count == 11)
        #expect(throws: StorageError.self) { try LocalFile(folder.appending("file")).read(limit: 10) }
        #expect(throws: StorageError.self) { try LocalFile(folder.path).read(limit: 10) }
        try LocalFile(folder.appending("link")).link(to: "file")
        #expect(throws: StorageError.self) { try LocalFile(folder.appending("link")).read(limit: 100) }
    }

    @Test("a file longer than it says (as in /proc) is read whole")
    func growing() throws {
        let bytes = try LocalFile("/proc/self/status").read(limit: 1 << 20)
        #expect(String(decoding: bytes, as: UTF8.self).contains("Pid:"))
    }

    @Test("what isn't there")
    func missing() throws {
        let file = LocalFile(folder.appending("none"))
        #expect(try file.status() == nil)
        #expect(try file.remove() == false)
        #expect(throws: StorageError.self) { try file.read(limit: 1) }
        #expect(try file.readIfPresent(limit: 1) == nil)
        #expect(throws: StorageError.self) { try LocalFile(folder.path).readIfPresent(limit: 1) }
        #expect(try LocalFolder(folder.appending("none")).names() == [])
    }

    @Test("a link is replaced in one step")
    func links() throws {
        let link = LocalFile(folder.appending("link"))
        try link.link(to: "a")
        try link.link(to: "b")
        #expect(try link.status()?.isLink == true)
        #expect(try LocalFolder(folder.path).names() == ["link"])
    }

    @Test("folders are made with those above them, and made again without an error")
    func folders() throws {
        let deep = LocalFolder(folder.appending("a/b/c"))
        try deep.create(mode: 0o700)
        try deep.create(mode: 0o700)
        #expect(try LocalFile(deep.path).status()?.permissions == 0o700)
        #expect(try LocalFile(folder.appending("a")).status()?.permissions == 0o755)
        try AtomicFile(folder.appending("file")).write([])
        #expect(throws: StorageError.self) { try LocalFolder(folder.appending("file")).create() }
    }

    @Test("the boot's identity is read below the root, and empty where there is none")
    func boot() throws {
        let root = HostRoot(folder.path)
        #expect(try root.bootIdentity() == "")
        try LocalFolder(folder.appending("proc/sys/kernel/random")).create()
        try AtomicFile(folder.appending("proc/sys/kernel/random/boot_id")).write(Array("abc\n".utf8))
        #expect(try root.bootIdentity() == "abc")
    }
}
