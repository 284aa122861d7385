import FoundationEssentials
import SANEngine
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendDirectory
@testable import SANImages

#if canImport(Glibc)
    import Glibc
#endif

/// Volumes that need no program: raw ones and folders.
@Suite struct DirectoryChangeTests {
    @Test func `A raw volume is fully allocated unless the document says less`() async throws {
        let fixture = try await DirectoryFixture()
        let full = try await fixture.create("full", 1 << 20).definition
        #expect(full.capacity == 1 << 20)
        #expect(full.allocation.map { $0 >= 1 << 20 } == true)
        #expect(full.target.permissions?.mode == 0o600)
        let sparse = try await fixture.create("sparse", 1 << 40) { $0.allocation = 0 }.definition
        #expect(sparse.capacity == 1 << 40)
        #expect(sparse.allocation == 0)
        let part = try await fixture.create("part", 1 << 20) {
            $0.allocation = 1 << 19
            $0.target.permissions = Permissions(mode: 0o744)
        }.definition
        #expect(part.allocation == 1 << 19)
        #expect(part.target.permissions?.mode == 0o744)
        #expect(try fixture.names() == ["full", "part", "sparse"])
    }

    @Test func `A folder can be a volume`() async throws {
        let fixture = try await DirectoryFixture()
        let volume = try await fixture.create("sub", 0) { $0.target.format = .directory }
        #expect(volume.definition.type == .dir)
        try Data([1]).write(to: URL(filePath: fixture.path("sub/x")))
        await expect(.invalidState) {
            try await fixture.pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context)
        }
        try FileManager.default.removeItem(atPath: fixture.path("sub/x"))
        #expect(try await fixture.pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context).isChanged)
        #expect(try await !fixture.pool.deleteVolume(volume, deletingSnapshots: false, in: fixture.context).isChanged)
    }

    @Test func `A name that is taken is refused, and nothing is left`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("a", [7])
        await expect(.alreadyExists) { try await fixture.create("a", 512) }
        #expect(try fixture.read("a") == [7])
        #expect(symlink("/nonexistent", fixture.path("link")) == 0)
        await expect(.alreadyExists) { try await fixture.create("link", 512) }
        #expect(try fixture.names() == ["a", "link"])
    }

    @Test func `What can't be made leaves nothing behind`() async throws {
        let fixture = try await DirectoryFixture()
        await expect(.invalidArgument) { try await fixture.create("big", ByteCount(1 << 63)) }
        await expect(.invalidArgument) { try await fixture.create("none", nil) }
        await expect(.unsupported) { try await fixture.create("cloop", 512) { $0.target.format = "cloop" } }
        await expect(.unsupported) {
            try await fixture.create("backed", 512) { $0.backingStore = BackingStore(path: "a") }
        }
        #expect(try fixture.names().isEmpty)
    }

    @Test func `What a killed process left is swept, what is in use is not`() async throws {
        let fixture = try await DirectoryFixture()
        try FileManager.default.createDirectory(
            atPath: fixture.path(".sanctl-00000000000dead0"), withIntermediateDirectories: false)
        try fixture.write(".sanctl-00000000000dead0/volume", [1])
        let live = try Staging(in: try fixture.pool.files.open())
        #expect(try fixture.names() == [live.name])
        #expect(try await fixture.volumes().isEmpty)
        try await fixture.create("a", 512)
        #expect(try fixture.names() == [live.name, "a"].sorted())
        // A refresh does it too: the space that a killed creation holds must not wait for the next one.
        try FileManager.default.createDirectory(
            atPath: fixture.path(".sanctl-00000000000dead0"), withIntermediateDirectories: false)
        try fixture.write(".sanctl-00000000000dead0/volume", [1])
        #expect(try await fixture.volumes().keys.sorted() == ["a"])
        #expect(try fixture.names() == [live.name, "a"].sorted())
    }

    @Test func `Messages name the new volume, not the private folder it is made in`() async throws {
        let fixture = try await DirectoryFixture(commands: RecordingRunner(status: 1))
        for (format, capacity) in [(VolumeFormat.raw, 1 << 62), (.qcow2, 1 << 20)] as [(VolumeFormat, ByteCount)] {
            do throws(StorageError) {
                var definition = VolumeDefinition(name: "big", capacity: capacity)
                definition.target.format = format
                _ = try await fixture.pool.createVolume(VolumeRequest(definition), in: fixture.context)
                Issue.record("There is no room for it, or no program to make it")
            } catch {
                #expect(error.message.contains("'\(fixture.path("big"))'"))
                #expect(!error.message.contains(".sanctl-"))
            }
        }
        #expect(try fixture.names().isEmpty)
    }

    @Test func `Raw volumes grow and shrink`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("a", [1, 2, 3, 4])
        var volume = try await fixture.volume("a")
        let grown = try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: 1 << 20, allocates: true), in: fixture.context)
        #expect(grown.isChanged)
        #expect(grown.value.definition.capacity == 1 << 20)
        #expect(grown.value.definition.allocation.map { $0 >= (1 << 20) - 4096 } == true)
        volume = try await fixture.pool.resizeVolume(
            grown.value, to: ResizeRequest(capacity: 2, allowsShrink: true), in: fixture.context
        )
        .value
        #expect(try fixture.read("a") == [1, 2])
        #expect(
            try await !fixture.pool.resizeVolume(volume, to: ResizeRequest(capacity: 2), in: fixture.context).isChanged)
    }

    @Test func `A LUKS volume's header stays when it is resized`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("luks", HandMadeImage.luks.bytes)
        #expect(truncate(fixture.path("luks"), Int(HandMadeImage.luks.fileSize)) == 0)
        let volume = try await fixture.volume("luks")
        #expect(volume.definition.target.encryption?.format == .luks)
        let grown = try await fixture.pool.resizeVolume(
            volume, to: ResizeRequest(capacity: 4 << 20), in: fixture.context
        ).value
        #expect(grown.definition.capacity == 4 << 20)
        #expect(grown.definition.physical == 6_291_456)
    }

    @Test func `A volume that has grown since it was listed isn't cut unasked`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("a", [1, 2, 3])
        let listed = try await fixture.volume("a")
        #expect(truncate(fixture.path("a"), 100) == 0)
        await expect(.invalidState) {
            try await fixture.pool.resizeVolume(listed, to: ResizeRequest(capacity: 50), in: fixture.context)
        }
        let reckoned = ResizeRequest(capacity: 2, expected: 3, allowsShrink: true)
        await expect(.invalidState) { try await fixture.pool.resizeVolume(listed, to: reckoned, in: fixture.context) }
        #expect(try fixture.read("a").count == 100)
    }

    /// A name is a label: another file under it isn't the one that was listed.
    @Test func `A file that was replaced isn't written, resized, wiped or deleted`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("a", [1, 2, 3])
        let listed = try await fixture.volume("a")
        // Most likely born in the same tick of the kernel's clock, which its time of birth can't tell apart.
        try fixture.write("b", [4, 5, 6])
        #expect(rename(fixture.path("b"), fixture.path("a")) == 0)
        let source = try LocalFile(try fixture.write("source", [9]), .readOnly)
        let end = source.end
        await expect(.invalidState) {
            try await fixture.pool.upload(end, to: listed, TransferRequest(), in: fixture.context)
        }
        await expect(.invalidState) {
            try await fixture.pool.resizeVolume(
                listed, to: ResizeRequest(capacity: 1, allowsShrink: true), in: fixture.context)
        }
        await expect(.invalidState) { try await fixture.pool.wipe(listed, .zero, in: fixture.context) }
        await expect(.invalidState) {
            try await fixture.pool.deleteVolume(listed, deletingSnapshots: false, in: fixture.context)
        }
        #expect(try fixture.read("a") == [4, 5, 6])
    }

    /// Without a time of birth, as on NFS, a file system gives a free inode number to the next file.
    @Test func `A file that took over the inode of the one that was listed is another`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("a", [1])
        var listed = try await fixture.volume("a")
        let file = try #require(listed.file)
        listed.file?.birth = nil
        listed.file?.handle = (file.handle ?? 0) ^ 1
        let earlier = listed
        let hasHandles = file.handle != nil
        await expect(hasHandles ? .invalidState : nil) {
            try await fixture.pool.resizeVolume(earlier, to: ResizeRequest(capacity: 2), in: fixture.context)
        }
        listed.file = FileIdentity(device: file.device, inode: file.inode, handle: nil, birth: nil)
        let sparse = listed
        #expect(
            try await fixture.pool.resizeVolume(sparse, to: ResizeRequest(capacity: 3), in: fixture.context).isChanged)
        listed.file?.inode += 1
        let other = listed
        await expect(.invalidState) {
            try await fixture.pool.deleteVolume(other, deletingSnapshots: false, in: fixture.context)
        }
    }

    @Test func `A file keeps its identity through a rename, a write and a change of its mode`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("a", [1])
        let before = try #require(try await fixture.volume("a").file)
        #expect(rename(fixture.path("a"), fixture.path("b")) == 0)
        #expect(chmod(fixture.path("b"), 0o640) == 0)
        #expect(truncate(fixture.path("b"), 1 << 20) == 0)
        #expect(try await fixture.volume("b").file == before)
    }

    @Test func `A file that a link took the place of isn't deleted, and neither is the link`() async throws {
        let fixture = try await DirectoryFixture()
        for destination in ["/etc/passwd", "other", "nothing"] {
            try fixture.write("a", [1])
            let listed = try await fixture.volume("a")
            try fixture.write("other", [2])
            #expect(unlink(fixture.path("a")) == 0)
            #expect(symlink(destination, fixture.path("a")) == 0)
            await expect(.invalidState) {
                try await fixture.pool.deleteVolume(listed, deletingSnapshots: false, in: fixture.context)
            }
            #expect(unlink(fixture.path("a")) == 0)
        }
    }

    @Test func `A file whose name isn't text isn't said to be gone`() async throws {
        let fixture = try await DirectoryFixture()
        let path = fixture.path("x").utf8CString.dropLast(2) + [CChar(bitPattern: 0xFF), 0]
        #expect(close(creat(Array(path), 0o600)) == 0)
        let listed = try #require(try await fixture.volumes().values.first)
        await expect(.invalidArgument) {
            try await fixture.pool.deleteVolume(listed, deletingSnapshots: false, in: fixture.context)
        }
        #expect(access(Array(path), F_OK) == 0)
    }

    @Test func `Nothing is written through a link`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("a", [1])
        #expect(symlink("a", fixture.path("link")) == 0)
        let link = try await fixture.volume("link")
        await expect(.unsupported) { try await fixture.pool.wipe(link, .zero, in: fixture.context) }
        #expect(try await fixture.pool.deleteVolume(link, deletingSnapshots: false, in: fixture.context).isChanged)
        #expect(try fixture.read("a") == [1])
    }

    @Test func `What a guest has written to a raw volume is data, also where it looks like an image`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [UInt8](repeating: 7, count: 1 << 20))
        let listed = try await fixture.volume("v")
        let header = HandMadeImage.qcow2(version: 3).bytes
        let file = try FileDescriptor.open(fixture.path("v"), .writeOnly)
        try file.writeAll(toAbsoluteOffset: 0, header)
        try file.close()
        let bytes = try fixture.read("v")
        let copy = try await fixture.pool.createVolume(
            VolumeRequest(
                VolumeDefinition(name: "copy", capacity: 1 << 20), origin: .init(volume: listed, pool: fixture.pool)),
            in: fixture.context)
        #expect(copy.value.definition.target.format == .raw)
        #expect(try fixture.read("copy") == bytes)
        let resized = try await fixture.pool.resizeVolume(
            listed, to: ResizeRequest(capacity: 2 << 20), in: fixture.context)
        #expect(resized.value.definition.target.format == .raw)
        #expect(try fixture.read("v") == bytes + [UInt8](repeating: 0, count: 1 << 20))
    }

    /// A guest could have QEMU open the file that it names as its backing file (0007).
    @Test func `What was listed as raw stays raw at a refresh, and says what it looks like`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [UInt8](repeating: 7, count: 1 << 20))
        try fixture.write("empty", [])
        let listed = Array(try await fixture.volumes().values)
        let header = HandMadeImage.qcow2(version: 3).bytes
        for name in ["v", "empty"] {
            let file = try FileDescriptor.open(fixture.path(name), .writeOnly)
            _ = try file.closeAfter { try file.writeAll(toAbsoluteOffset: 0, header) }
        }
        var context = fixture.context
        context.lastVolumes = { listed }
        func volume(_ name: String) async throws -> Volume {
            try #require(try await fixture.pool.refresh(in: context).volumes.first { $0.name == name })
        }
        let kept = try await volume("v")
        #expect(kept.definition.target.format == .raw)
        #expect(kept.definition.capacity == 1 << 20)
        #expect(kept.definition.backingStore == nil)
        #expect(kept.problems.first?.message.contains("qcow2") == true)
        #expect(try await fixture.pool.inspect(kept, in: context).definition.target.format == .raw)
        // What had no bytes was nothing yet; and a file that was moved there is another one.
        #expect(try await volume("empty").definition.target.format == .qcow2)
        try fixture.write("new", fixture.read("v"))
        #expect(rename(fixture.path("new"), fixture.path("v")) == 0)
        #expect(try await volume("v").definition.target.format == .qcow2)
        // As after an upload from the start on.
        var unknown = kept
        unknown.definition.target.format = nil
        #expect(try await fixture.pool.inspect(unknown, in: context).definition.target.format == .qcow2)
    }

    /// It would be a way from raw to a format that names files, by one that names none (0007).
    @Test func `What a guest has made look like an ISO image doesn't get to be another one from there`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [UInt8](repeating: 7, count: 1 << 20))
        func refreshed(after list: [Volume], _ offset: Int64, _ bytes: [UInt8]) async throws -> Volume {
            let file = try FileDescriptor.open(fixture.path("v"), .writeOnly)
            _ = try file.closeAfter { try file.writeAll(toAbsoluteOffset: offset, bytes) }
            var context = fixture.context
            context.lastVolumes = { list }
            return try #require(try await fixture.pool.refresh(in: context).volumes.first)
        }
        let first = Array(try await fixture.volumes().values)
        let disc = try await refreshed(after: first, 0x8001, Array("CD001".utf8))
        #expect(disc.definition.target.format == "iso")
        let image = try await refreshed(after: [disc], 0, HandMadeImage.qcow2(version: 3).bytes)
        #expect(image.definition.target.format == .raw)
        #expect(image.problems.first?.message.contains("qcow2") == true)
    }

    @Test func `A folder whose name only begins like a private one is left alone`() async throws {
        let fixture = try await DirectoryFixture()
        try FileManager.default.createDirectory(
            atPath: fixture.path(".sanctl-backup"), withIntermediateDirectories: false)
        try fixture.write(".sanctl-backup/volume", [1])
        _ = try await fixture.volumes()
        _ = try await fixture.create("a", 512)
        #expect(try fixture.read(".sanctl-backup/volume") == [1])
    }

    @Test func `A clone has the origin's bytes and holes`() async throws {
        let fixture = try await DirectoryFixture()
        var bytes = [UInt8](repeating: 0, count: 3 << 20)
        for index in (1 << 20)..<(1 << 20) + 5000 { bytes[index] = UInt8(index & 0xFF) | 1 }
        try fixture.write("origin", [])
        #expect(truncate(fixture.path("origin"), 3 << 20) == 0)
        let file = try FileDescriptor.open(fixture.path("origin"), .writeOnly)
        try file.writeAll(toAbsoluteOffset: 1 << 20, bytes[(1 << 20)..<(1 << 20) + 5000])
        try file.close()
        let origin = try await fixture.volume("origin")
        var definition = VolumeDefinition(name: "clone", capacity: 4 << 20)
        definition.allocation = 8192
        let request = VolumeRequest(definition, origin: VolumeRequest.Origin(volume: origin, pool: fixture.pool))
        let clone = try await fixture.pool.createVolume(request, in: fixture.context).value
        #expect(clone.definition.capacity == 4 << 20)
        #expect(clone.definition.allocation.map { $0 < 1 << 20 } == true)
        #expect(try fixture.read("clone") == bytes + [UInt8](repeating: 0, count: 1 << 20))
    }

    /// What the engine makes a clone's document of: what the header told, so an encryption without its secret.
    @Test(arguments: HandMadeImage.all.filter { $0.fileSize < 64 << 20 }, [false, true])
    func `Every format can be cloned as it is`(image: HandMadeImage, secrets: Bool) async throws {
        let fixture = try await DirectoryFixture(commands: RecordingRunner(status: 1))
        try fixture.write("origin", image.bytes)
        #expect(truncate(fixture.path("origin"), Int(image.fileSize)) == 0)
        var origin = try await fixture.volume("origin")
        // The engine may know the secret by the volume's path.
        if secrets { origin.definition.target.encryption?.secrets = [.usage("origin")] }
        var definition = origin.definition
        definition.name = "clone"
        definition.backingStore = nil
        let request = VolumeRequest(definition, origin: .init(volume: origin, pool: fixture.pool))
        if image.format == "vmdk", image.bytes.starts(with: Array("COWD".utf8)) {
            await expect(.unsupported) { try await fixture.pool.createVolume(request, in: fixture.context) }
            return
        }
        let clone = try await fixture.pool.createVolume(request, in: fixture.context).value
        #expect(clone.definition.target.format == image.format)
        #expect(clone.definition.backingStore?.path == origin.definition.backingStore?.path)
        #expect(try fixture.read("clone") == fixture.read("origin"))
    }

    /// A copy is opened by what opens its origin, so it mustn't be listed with another secret.
    @Test(arguments: [[], [.usage("a")]] as [[SecretReference]])
    func `A copy of an encrypted volume with another secret is refused`(known: [SecretReference]) async throws {
        var fixture = try await DirectoryFixture(commands: RecordingRunner())
        fixture.secrets = FixedSecrets(passphrase: "other")
        for image in HandMadeImage.all where image.format == "luks" {
            try fixture.write("origin", image.bytes)
            #expect(truncate(fixture.path("origin"), Int(image.fileSize)) == 0)
            var origin = try await fixture.volume("origin")
            for isListed in [true, false] {
                origin.definition.target.encryption?.secrets = known
                // As listed before it was encrypted: the header tells.
                if !isListed { origin.definition.target.encryption = nil }
                var definition = VolumeDefinition(name: "copy", capacity: origin.definition.capacity)
                definition.target.format = "luks"
                definition.target.encryption = EncryptionDefinition(format: .luks, secrets: [.usage("b")])
                let request = VolumeRequest(definition, origin: .init(volume: origin, pool: fixture.pool))
                await expect(.unsupported) { try await fixture.pool.createVolume(request, in: fixture.context) }
            }
            #expect(try fixture.names() == ["origin"])
        }
    }

    /// Before its data is copied: a copy that takes hours isn't thrown away for it.
    @Test func `A copy that can't get its capacity is refused at once`() async throws {
        let fixture = try await DirectoryFixture(commands: RecordingRunner())
        let image = try #require(HandMadeImage.all.first { $0.format == "luks" })
        try fixture.write("origin", image.bytes)
        #expect(truncate(fixture.path("origin"), Int(image.fileSize)) == 0)
        let origin = try await fixture.volume("origin")
        var definition = origin.definition
        definition.name = "copy"
        definition.capacity = 1 << 40
        let progress = LastProgress()
        await expect(.unsupported) {
            try await fixture.pool.createVolume(
                VolumeRequest(definition, origin: .init(volume: origin, pool: fixture.pool)),
                in: DirectoryFixture.context(progress: progress))
        }
        #expect(progress.value.total == nil)
    }

    /// An operation's deadline bounds waits, not the time that data takes.
    @Test func `A copy that took longer than the deadline still gets its name`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("origin", [1, 2, 3])
        let origin = VolumeRequest.Origin(
            volume: try await fixture.volume("origin"), pool: OpaquePool(pool: fixture.pool, isLate: true))
        var context = fixture.context
        context.deadline = .after(.seconds(6))
        let request = VolumeRequest(VolumeDefinition(name: "copy"), origin: origin)
        _ = try await fixture.pool.createVolume(request, in: context)
        #expect(context.deadline.hasPassed)
        #expect(try fixture.read("copy") == [1, 2, 3])
    }

    @Test func `A volume can be filled from a pool that isn't made of files`() async throws {
        let fixture = try await DirectoryFixture()
        let other = try await DirectoryFixture()
        try other.write("lun", [UInt8](repeating: 5, count: 70_000))
        let origin = VolumeRequest.Origin(volume: try await other.volume("lun"), pool: OpaquePool(pool: other.pool))
        let request = VolumeRequest(VolumeDefinition(name: "copy", capacity: 1 << 20), origin: origin)
        let copy = try await fixture.pool.createVolume(request, in: fixture.context).value
        #expect(copy.definition.capacity == 1 << 20)
        #expect(
            try fixture.read("copy") == [UInt8](repeating: 5, count: 70_000)
                + [UInt8](repeating: 0, count: (1 << 20) - 70_000))
    }
}

/// A pool whose data comes through streams only.
struct OpaquePool: VolumeData {
    let pool: DirectoryPool
    /// Whether it comes when the operation's deadline has passed.
    var isLate = false

    func refresh(in context: OperationContext) async throws(StorageError) -> PoolSnapshot {
        try await pool.refresh(in: context)
    }

    func deactivate(in context: OperationContext) async throws(StorageError) -> Change<Void> { .unchanged(()) }

    func upload(
        _ source: DataEnd, to volume: Volume, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary { throw StorageError(.unsupported, "") }

    func download(
        _ volume: Volume, to sink: DataEnd, _ transfer: TransferRequest, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary {
        if isLate {
            do { try await Task.sleep(until: context.deadline.instant, clock: .continuous) } catch {
                throw StorageError(.cancelled, "")
            }
        }
        return try await pool.download(volume, to: sink, transfer, in: context)
    }

    func wipe(
        _ volume: Volume, _ algorithm: WipeAlgorithm, in context: OperationContext
    ) async throws(StorageError) -> TransferSummary { throw StorageError(.unsupported, "") }
}
