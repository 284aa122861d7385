import FoundationEssentials
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendDirectory
@testable import SANImages

#if canImport(Glibc)
    import Glibc
#endif

/// What a refresh shows of a folder.
@Suite struct DirectoryListingTests {
    @Test func `Files and folders are volumes, hidden ones too`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("disk.img", [UInt8](repeating: 1, count: 10_000))
        try fixture.write(".hidden", [1])
        try fixture.write("empty", [])
        try FileManager.default.createDirectory(atPath: fixture.path("sub"), withIntermediateDirectories: false)
        let snapshot = try await fixture.pool.refresh(in: fixture.context)
        #expect(snapshot.volumes.map(\.name) == [".hidden", "disk.img", "empty", "sub"])
        let disk = try #require(snapshot.volumes.first { $0.name == "disk.img" }).definition
        #expect(disk.type == .file)
        #expect(disk.key == fixture.path("disk.img"))
        #expect(disk.target.path == fixture.path("disk.img"))
        #expect(disk.target.format == .raw)
        #expect(disk.capacity == 10_000)
        #expect(disk.physical == 10_000)
        #expect(disk.allocation.map { $0 >= 10_000 } == true)
        let folder = try #require(snapshot.volumes.last).definition
        #expect(folder.type == .dir)
        #expect(folder.target.format == .directory)
        #expect(folder.capacity == 0)
        #expect(snapshot.volumes.allSatisfy { $0.problems.isEmpty })
    }

    @Test func `Sizes of the pool are the file system's`() async throws {
        let fixture = try await DirectoryFixture()
        let snapshot = try await fixture.pool.refresh(in: fixture.context)
        let (capacity, available) = (try #require(snapshot.capacity), try #require(snapshot.available))
        #expect(capacity > 0)
        #expect(available <= capacity)
        #expect(snapshot.allocation == ByteCount(capacity.bytes - available.bytes))
        #expect(snapshot.permissions?.mode == 0o755)
        #expect(snapshot.permissions?.owner == getuid())
    }

    @Test func `Times have nanoseconds, and modes and owners are shown`() async throws {
        let fixture = try await DirectoryFixture()
        let path = try fixture.write("a", [1])
        var times = [
            timespec(tv_sec: 1_341_933_637, tv_nsec: 273_190_990), timespec(tv_sec: 1_341_930_622, tv_nsec: 0),
        ]
        #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
        #expect(chmod(path, 0o640) == 0)
        let target = try await fixture.volume("a").definition.target
        #expect(target.timestamps?.access?.description == "1341933637.273190990")
        #expect(target.timestamps?.modification?.description == "1341930622")
        #expect(target.timestamps?.change != nil)
        #expect(target.permissions?.mode == 0o640)
    }

    @Test func `Links that stay inside are listed, others refused, dangling ones skipped`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("disk", [UInt8](repeating: 1, count: 1234))
        #expect(symlink("disk", fixture.path("inside")) == 0)
        #expect(symlink(fixture.path("disk"), fixture.path("absolute")) == 0)
        #expect(symlink("/etc/passwd", fixture.path("outside")) == 0)
        #expect(symlink("../../etc", fixture.path("upwards")) == 0)
        #expect(symlink("nowhere", fixture.path("dangling")) == 0)
        #expect(symlink("loop", fixture.path("loop")) == 0)
        let volumes = try await fixture.volumes()
        #expect(volumes["inside"]?.definition.capacity == 1234)
        #expect(volumes["absolute"]?.definition.capacity == 1234)
        for name in ["outside", "upwards"] {
            #expect(volumes[name]?.problems.map(\.code) == [.permissionDenied], "\(name)")
            #expect(volumes[name]?.definition.capacity == nil)
        }
        #expect(volumes["dangling"] == nil)
    }

    /// Opening a pipe without a writer would wait for ever.
    @Test func `Pipes, sockets and devices are skipped without a wait`() async throws {
        let fixture = try await DirectoryFixture()
        #expect(mkfifo(fixture.path("fifo"), 0o600) == 0)
        #expect(symlink("fifo", fixture.path("to-fifo")) == 0)
        try fixture.write("disk", [1])
        #expect(Set(try await fixture.volumes().keys) == ["disk"])
    }

    @Test func `Names that no document can have are shown with escapes, and can't be used`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("two\nlines", [1])
        let name = Array(fixture.path("bad").utf8) + [0xFF, 0]
        let descriptor = open(name.map { CChar(bitPattern: $0) }, O_CREAT | O_WRONLY, 0o600)
        #expect(descriptor >= 0)
        close(descriptor)
        let volumes = try await fixture.volumes().values
        #expect(volumes.count == 2)
        for volume in volumes {
            #expect(volume.problems.map(\.code) == [.invalidArgument])
            #expect(!volume.name.contains("\n"))
        }
    }

    @Test func `A half-written image is one volume with a problem`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("half", [0x51, 0x46, 0x49, 0xFB])
        try fixture.write("good", HandMadeImage.qcow2(version: 3).bytes)
        let volumes = try await fixture.volumes()
        #expect(volumes["half"]?.problems.isEmpty == false)
        #expect(volumes["half"]?.definition.target.format == .raw)
        #expect(volumes["good"]?.problems.isEmpty == true)
    }

    @Test func `A folder that has gone is not found`() async throws {
        let fixture = try await DirectoryFixture()
        try FileManager.default.removeItem(atPath: fixture.folder.string)
        await expect(.notFound) { try await fixture.pool.refresh(in: fixture.context) }
    }

    @Test func `Volumes come and go while they are listed`() async throws {
        let fixture = try await DirectoryFixture()
        for index in 0..<600 { try fixture.write("keep\(index)", [1]) }
        let folder = fixture.folder
        let churn = Task {
            var round = 0
            while !Task.isCancelled {
                let path = folder.appending("churn\(round % 50)").string
                _ = FileManager.default.createFile(atPath: path, contents: Data([1]))
                try? FileManager.default.removeItem(atPath: path)
                round += 1
                await Task.yield()
            }
            return round
        }
        for _ in 0..<30 {
            let volumes = try await fixture.pool.refresh(in: fixture.context).volumes
            #expect(volumes.filter { $0.name.hasPrefix("keep") }.count == 600)
            #expect(volumes.allSatisfy { $0.problems.isEmpty })
        }
        churn.cancel()
        #expect(await churn.value > 0)
    }

    @Test func `iso, dmg and hand-made formats are listed as what they are`() async throws {
        let fixture = try await DirectoryFixture()
        for image in HandMadeImage.all where image.fileSize == 1 << 20 {
            let name = "\(image.format)-\(image.bytes.count)"
            try fixture.write(name, image.bytes)
            #expect(truncate(fixture.path(name), Int(image.fileSize)) == 0)
            let volume = try await fixture.volume(name)
            #expect(volume.definition.target.format == image.format)
            #expect(volume.definition.capacity == image.capacity, "\(name)")
        }
        var iso = [UInt8](repeating: 0, count: 40 * 2048)
        iso.replaceSubrange(0x8000..<0x8007, with: [1] + Array("CD001".utf8) + [1])
        try fixture.write("cd", iso)
        #expect(try await fixture.volume("cd").definition.target.format == "iso")
        #expect(try await fixture.volume("cd").definition.capacity == 81_920)
    }

    /// CVE-2024-32498 and its kin: what a header names is shown, and never opened.
    @Test func `A backing file is shown and not opened`() async throws {
        let fixture = try await DirectoryFixture()
        let fifo = fixture.temporary.appending("fifo").string
        #expect(mkfifo(fifo, 0o600) == 0)
        var image = HandMadeImage.qcow2(version: 3, backingOffset: 120, backingLength: UInt32(fifo.utf8.count)).bytes
        image.replaceSubrange(120..<120 + fifo.utf8.count, with: fifo.utf8)
        try fixture.write("overlay", image)
        let store = try await fixture.volume("overlay").definition.backingStore
        #expect(store?.path == fifo)
        #expect(store?.format == nil)
    }

    @Test(arguments: [
        ("base.img", "/pool/base.img"), ("../other/base", "/other/base"), ("/a/./b/../c", "/a/c"),
        ("../../../../x", "/x"),
        ("nbd://h/x", "nbd://h/x"), ("json:{\"driver\":\"file\"}", "json:{\"driver\":\"file\"}"),
        ("./a:b", "/pool/a:b"),
    ])
    func `Backing names are resolved as text`(name: String, path: String) {
        #expect(BackingName.path(of: Array(name.utf8), in: "/pool") == (path, true))
    }

    @Test func `A backing name that isn't text is escaped`() {
        let (path, isClean) = BackingName.path(of: Array("a\u{1B}[31m\n".utf8), in: "/pool")
        #expect(!isClean)
        #expect(path.utf8.allSatisfy { $0 >= 0x20 })
    }

    @Test(arguments: [
        "", ".", "..", "a/b", "../x", "a\nb", "a\0b", "\u{7F}", String(repeating: "x", count: 256), ".sanctl-0",
    ])
    func `Names that lead elsewhere are refused`(name: String) async throws {
        let fixture = try await DirectoryFixture()
        await expect(.invalidArgument) { try await fixture.create(name, 512) }
        await expect(.invalidArgument) {
            try await fixture.pool.deleteVolume(
                Volume(VolumeDefinition(name: name)), deletingSnapshots: false, in: fixture.context)
        }
        #expect(try fixture.names().isEmpty)
    }

    @Test func `A pool below another root keeps its own paths`() async throws {
        let root = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: root.appending("images").string, withIntermediateDirectories: true)
        try Data([1]).write(to: URL(filePath: root.appending("images/a").string))
        let fixture = try await DirectoryFixture(in: "/images", host: HostRoot(root.path))
        #expect(try await fixture.volume("a").path == "/images/a")
    }
}
