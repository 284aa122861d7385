import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendDirectory

#if canImport(Glibc)
    import Glibc
#endif

/// A guest's data isn't written over while the guest runs.
@Suite struct ImageInUseTests {
    @Test(.timeLimit(.minutes(2)))
    func `What another process writes to is refused, and grows`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1, 2, 3, 4])
        let volume = try await fixture.volume("v")
        let source = try LocalFile(try fixture.write("source", [9, 9]), .readOnly)
        let pipe = fixture.temporary.appending("pipe")
        #expect(mkfifo(pipe.string, 0o600) == 0)
        // Open at both ends: the program opens it at once, and waits for bytes that nobody writes.
        let end = try FileDescriptor.open(pipe, .readWrite)
        defer { try? end.close() }  // nothing was written
        let program = Task {
            try await LoopDevice.run("dd", ["if=\(pipe)", "of=\(fixture.path("v"))", "conv=notrunc"])
        }
        defer { program.cancel() }
        func writers() throws -> [DeviceUse] {
            let file = try FileDescriptor.open(FilePath(fixture.path("v")), .readOnly)
            defer { try? file.close() }  // it was only read
            return try FileUsers.writers(of: "v", openAt: file.rawValue, on: HostRoot("/"))
        }
        let deadline = Deadline.after(.seconds(100))
        while try writers().isEmpty, !deadline.hasPassed { await Task.yield() }

        let refusal = await #expect(throws: StorageError.self) {
            try await fixture.pool.upload(source.end, to: volume, TransferRequest(), in: fixture.context)
        }
        #expect(refusal?.code == .busy)
        #expect(refusal?.message.hasPrefix("'v' is in use: open by dd (pid ") == true)
        #expect(refusal?.message.hasSuffix("); stop the program or guest first") == true)
        await expect(.busy) { try await fixture.pool.wipe(volume, .zero, in: fixture.context) }
        await expect(.busy) {
            try await fixture.pool.resizeVolume(
                volume, to: ResizeRequest(capacity: 2, allowsShrink: true), in: fixture.context)
        }
        #expect(try fixture.read("v") == [1, 2, 3, 4])
        _ = try await fixture.pool.resizeVolume(volume, to: ResizeRequest(capacity: 5), in: fixture.context)
        #expect(try fixture.read("v") == [1, 2, 3, 4, 0])

        program.cancel()
        _ = await program.result
        _ = try await fixture.pool.upload(source.end, to: volume, TransferRequest(), in: fixture.context)
        #expect(try fixture.read("v") == [9, 9, 3, 4, 0])
    }

    /// A guest that is started after the first look.
    @Test(arguments: [VolumeFormat.qcow2, .raw, "luks"])
    func `A copy of an image that QEMU opens meanwhile isn't made`(format: VolumeFormat) async throws {
        let fixture = try await DirectoryFixture()
        let images: [VolumeFormat: HandMadeImage] = [.qcow2: .qcow2(version: 3), .raw: .raw, "luks": .luks]
        let image = try #require(images[format])
        try fixture.write("v", image.bytes + [UInt8](repeating: 7, count: 1 << 20))
        let volume = try await fixture.volume("v")
        #expect(volume.definition.target.format == format)
        let guest = try LocalFile(fixture.path("v"), .readWrite)
        let context = DirectoryFixture.context(progress: Locking(descriptor: guest.descriptor.rawValue))
        var definition = volume.definition
        definition.name = "copy"
        let request = VolumeRequest(definition, origin: .init(volume: volume, pool: fixture.pool))
        await expect(format == .qcow2 ? .busy : nil) {
            try await fixture.pool.createVolume(request, in: context)
        }
        #expect(try fixture.names() == (format == .qcow2 ? ["v"] : ["copy", "v"]))
    }

    @Test func `What others only read, and what this process has open, isn't in use`() async throws {
        let fixture = try await DirectoryFixture()
        try fixture.write("v", [1])
        let own = try LocalFile(fixture.path("v"), .readWrite)
        let source = try LocalFile(try fixture.write("source", [9]), .readOnly)
        _ = try await fixture.pool.upload(
            source.end, to: try await fixture.volume("v"), TransferRequest(), in: fixture.context)
        #expect(try fixture.read("v") == [9])
        withExtendedLifetime(own) {}
    }
}

/// Takes the lock of a QEMU that writes (`RAW_PERM_LOCK_BASE`, block/file-posix.c) at each report.
private struct Locking: ProgressReporting {
    let descriptor: Int32

    func report(done: ByteCount, total: ByteCount?) { lockAsQEMU(descriptor) }
}

func lockAsQEMU(_ descriptor: Int32) {
    var lock = flock()
    lock.l_type = Int16(F_RDLCK)
    lock.l_start = 101
    lock.l_len = 1
    // F_OFD_SETLK, of Linux; a lock of the process would end with the next close of the file.
    #expect(fcntl(descriptor, 37, &lock) == 0)
}
