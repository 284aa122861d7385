import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBackendRBD

/// Encrypted images of a real cluster, held against what QEMU makes of the same bytes.
@Suite(.timeLimit(.minutes(10))) struct RBDEncryptionServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    private func create(
        _ name: String, _ capacity: UInt64, _ format: EncryptionDefinition.Format, bits: UInt32? = nil,
        in pool: RBDPool
    ) async throws -> Volume {
        var definition = VolumeDefinition(name: name, capacity: ByteCount(capacity))
        var encryption = EncryptionDefinition(format: format, secrets: [.usage("passphrase")])
        encryption.cipher = bits.map { EncryptionDefinition.Cipher(name: "aes", size: $0) }
        definition.target.encryption = encryption
        return try await pool.createVolume(VolumeRequest(definition), in: fixture.context()).value
    }

    @Test(
        "an encrypted image has the capacity that was asked for, and gives back what was written; QEMU decrypts the same",
        arguments: [(EncryptionDefinition.Format.luks, UInt32?.some(128)), (.luks, nil), (.luks2, .some(256))])
    func encrypts(_ format: EncryptionDefinition.Format, _ bits: UInt32?) async throws {
        let size = 9 << 20
        var bytes = LocalEnds.pattern(5 << 20)
        let folder = try TemporaryFolder()
        let (cluster, spec) = (fixture.cluster, fixture.spec("v"))
        try await fixture.withPool { pool in
            let made = try await create("v", UInt64(size), format, bits: bits, in: pool)
            #expect(made.definition.capacity == ByteCount(UInt64(size)))
            #expect(made.definition.target.encryption?.format == format)
            var volume = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
            // What an image is made of takes questions of its own, which a list doesn't ask.
            var listed = made
            listed.definition.imageSettings = nil
            #expect(volume == listed)
            volume.definition.target.encryption?.secrets = [.usage("passphrase")]
            try await Transfers.upload(bytes, to: volume, of: pool, fixture)
            bytes.replaceSubrange(1 << 20..<2 << 20, with: repeatElement(0, count: 1 << 20))
            try await Transfers.upload(bytes, to: volume, of: pool, fixture, TransferRequest(isSparse: true))
            let expected = bytes + [UInt8](repeating: 0, count: size - bytes.count)
            #expect(try await Transfers.download(volume, of: pool, fixture) == expected)
            #expect(
                try await Transfers.download(volume, of: pool, fixture, TransferRequest(isSparse: true)) == expected)

            if format == .luks {
                let exported = folder.appending("exported")
                _ = try await withThread { try cluster.rbd("export", "--no-progress", spec, exported.string) }
                try LocalEnds.write(Array("a passphrase".utf8), to: folder.appending("key"))
                let plain = try await QemuLUKS.decrypt(exported, key: folder.appending("key"), folder)
                #expect(Array(plain.prefix(bytes.count)) == bytes)
            }
            let larger = ResizeRequest(capacity: ByteCount(UInt64(size) + (1 << 20)))
            let grown = try await pool.resizeVolume(volume, to: larger, in: fixture.context()).value
            #expect(
                grown.definition.capacity == larger.capacity && grown.definition.target.encryption?.format == format)
            #expect(try await !pool.resizeVolume(volume, to: larger, in: fixture.context()).isChanged)
        }
    }

    @Test("another passphrase is authentication_failed; a clone is as encrypted as its parent; a wipe ends it")
    func checksPassphrase() async throws {
        try await fixture.withPool { pool in
            var volume = try await create("v", 4 << 20, .luks, in: pool)
            try await fixture.rbd("snap", "create", fixture.spec("v") + "@s")
            try await fixture.rbd("snap", "protect", fixture.spec("v") + "@s")
            try await fixture.rbd("clone", fixture.spec("v") + "@s", fixture.spec("copy"))
            volume.definition.target.encryption?.secrets = [.usage("other")]
            #expect(
                await code { _ = try await Transfers.download(volume, of: pool, fixture) } == .authenticationFailed)
            #expect(
                await code { try await Transfers.upload([1], to: volume, of: pool, fixture) } == .authenticationFailed)
            let copy = try #require(
                try await pool.refresh(in: fixture.context()).volumes.first { $0.name == "copy" })
            #expect(copy.definition.target.encryption?.format == .luks)
            #expect(copy.definition.capacity == volume.definition.capacity)
            // Listed before it was encrypted: its header isn't overwritten.
            volume.definition.target.encryption = nil
            #expect(await code { try await Transfers.upload([1], to: volume, of: pool, fixture) } == .invalidState)
            _ = try await pool.wipe(volume, .trim, in: fixture.context())
            #expect(try await pool.inspect(volume, in: fixture.context()).definition.target.encryption == nil)
        }
    }

    @Test("what can't be encrypted isn't made")
    func leavesNothing() async throws {
        try await fixture.withPool { pool in
            var definition = VolumeDefinition(name: "v", capacity: ByteCount(4 << 20))
            func refusal(_ encryption: EncryptionDefinition) async -> StorageError.Code? {
                definition.target.encryption = encryption
                let request = VolumeRequest(definition)
                return await code { _ = try await pool.createVolume(request, in: fixture.context()) }
            }
            #expect(await refusal(EncryptionDefinition(format: .luks, secrets: [.usage("empty")])) == .invalidArgument)
            #expect(await refusal(EncryptionDefinition(format: .luks, secrets: [.usage("missing")])) == .notFound)
            #expect(await refusal(EncryptionDefinition(format: .luks)) == .invalidArgument)
            #expect(await refusal(EncryptionDefinition(format: .qcow, secrets: [.usage("passphrase")])) == .unsupported)
            var serpent = EncryptionDefinition(format: .luks, secrets: [.usage("passphrase")])
            serpent.cipher = EncryptionDefinition.Cipher(name: "serpent", size: 256)
            #expect(await refusal(serpent) == .unsupported)
            let left = try await pool.refresh(in: fixture.context()).volumes
            #expect(left.isEmpty)
        }
    }
}

/// QEMU's own reader of LUKS 1.
enum QemuLUKS {
    static func decrypt(_ image: FilePath, key: FilePath, _ folder: TemporaryFolder) async throws -> [UInt8] {
        let plain = folder.appending("plain")
        let output = try await SubprocessRunner().run(
            Command(
                Tool(name: "qemu-img", package: "qemu-utils"),
                [
                    "convert", "--object", "secret,id=k,file=\(key)", "--image-opts",
                    "driver=luks,key-secret=k,file.filename=\(image)", "-O", "raw", plain.string,
                ]), until: .after(.seconds(120)))
        #expect(output.status == 0, "\(output.diagnostics)")
        return try LocalEnds.read(plain)
    }
}
