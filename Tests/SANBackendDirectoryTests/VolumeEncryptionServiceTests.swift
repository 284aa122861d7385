import SANEngine
import SANHost
import SANModel
import Testing

@testable import SANBackendDirectory

/// LUKS volumes that the real qemu-img makes, looked at with the real cryptsetup.
@Suite struct VolumeEncryptionServiceTests {
    private func encrypted(
        _ fixture: DirectoryFixture, _ format: VolumeFormat, _ cipher: EncryptionDefinition.Cipher? = nil,
        _ vector: EncryptionDefinition.InitializationVector? = nil
    ) async throws -> Volume {
        var volume = try await fixture.create("v", 8 << 20) {
            $0.target.format = format
            var encryption = EncryptionDefinition(format: .luks, secrets: [.usage("v")])
            encryption.cipher = cipher
            encryption.initializationVector = vector
            $0.target.encryption = encryption
        }
        // As the engine has it; a header doesn't tell the secret.
        volume.definition.target.encryption?.secrets = [.usage("v")]
        return volume
    }

    @Test func `Cipher and initialisation vector are the document's`() async throws {
        var fixture = try await DirectoryFixture()
        fixture.secrets = FixedSecrets(passphrase: "secret")
        let cipher = EncryptionDefinition.Cipher(name: "twofish", size: 256, mode: "cbc", hash: "sha256")
        _ = try await encrypted(fixture, .raw, cipher, .init(name: "essiv", hash: "sha256"))
        let dump = try await run("cryptsetup", ["luksDump", fixture.path("v")])
        let facts = dump.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        #expect(facts.contains("Cipher name: twofish"))
        #expect(facts.contains("Cipher mode: cbc-essiv:sha256"))
        #expect(facts.contains("Hash spec: sha256"))
        #expect(facts.contains("MK bits: 256"))
        #expect(facts.contains("Version: 1"))
    }

    @Test func `LUKS inside of qcow2 has the document's cipher`() async throws {
        var fixture = try await DirectoryFixture()
        fixture.secrets = FixedSecrets(passphrase: "secret")
        let cipher = EncryptionDefinition.Cipher(name: "serpent", size: 256, mode: "cbc", hash: "sha1")
        _ = try await encrypted(fixture, .qcow2, cipher, .init(name: "plain64"))
        let info = try await run("qemu-img", ["info", "-f", "qcow2", fixture.path("v")])
        for fact in ["format: luks", "cipher alg: serpent-256", "ivgen alg: plain64", "hash alg: sha1"] {
            #expect(info.contains(fact), "\(info)")
        }
    }

    @Test(arguments: [VolumeFormat.raw, .qcow2])
    func `Encrypted volumes are resized, and stay readable`(format: VolumeFormat) async throws {
        var fixture = try await DirectoryFixture()
        fixture.secrets = FixedSecrets(passphrase: "secret")
        let volume = try await encrypted(fixture, format)
        for capacity in [16 << 20, 12 << 20] as [ByteCount] {
            let resized = try await fixture.pool.resizeVolume(
                volume, to: ResizeRequest(capacity: capacity, allowsShrink: true), in: fixture.context
            ).value
            #expect(resized.definition.capacity == capacity)
        }
        let driver = format == .raw ? "driver=luks," : "driver=qcow2,encrypt.format=luks,encrypt."
        let image = "\(driver)key-secret=s,file.filename=\(fixture.path("v"))"
        let size = try await run(
            "qemu-io",
            [
                "--object", "secret,id=s,file=/dev/stdin", "--image-opts", image, "-c", "read 12582400 512", "-c",
                "length",
            ],
            input: Array("secret".utf8))
        #expect(size.contains("read 512/512 bytes") && size.contains("12 MiB"), "\(size)")
    }

    @Test func `A wrong secret is told as such, and so is one that QEMU can't take`() async throws {
        var fixture = try await DirectoryFixture()
        fixture.secrets = FixedSecrets(passphrase: "secret")
        let volume = try await encrypted(fixture, .qcow2)
        let bytes = try fixture.read("v")
        for (passphrase, code) in [
            ("other", StorageError.Code.authenticationFailed), ("", .invalidArgument), ("a\u{0}b", .invalidArgument),
            (nil, .notFound),
        ] {
            fixture.secrets = FixedSecrets(passphrase: passphrase)
            await expect(code) {
                try await fixture.pool.resizeVolume(
                    volume, to: ResizeRequest(capacity: 16 << 20), in: fixture.context)
            }
        }
        #expect(try fixture.read("v") == bytes)
        // The same failure with the right secret has another reason.
        fixture.secrets = FixedSecrets(passphrase: "secret")
        await expect(.hostFailure) {
            try await fixture.pool.resizeVolume(volume, to: ResizeRequest(capacity: 1 << 62), in: fixture.context)
        }
    }

    @Test(arguments: EncryptionDefinition.Format.allCases.filter { $0 != .luks })
    func `Other encryptions aren't made, for a reason`(format: EncryptionDefinition.Format) async throws {
        let fixture = try await DirectoryFixture()
        let error = await #expect(throws: StorageError.self) {
            try await fixture.create("v", 8 << 20) {
                $0.target.encryption = EncryptionDefinition(format: format, secrets: [.usage("v")])
            }
        }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("'\(format.rawValue)', as ") == true)
        #expect(try fixture.names().isEmpty)
    }

    /// Raw bytes of the container, as libvirt.
    @Test func `Upload and download move the container as it is`() async throws {
        var fixture = try await DirectoryFixture()
        fixture.secrets = FixedSecrets(passphrase: "secret")
        let volume = try await encrypted(fixture, .raw)
        let path = fixture.temporary.appending("copy")
        let sink = try LocalFile(path.string, .writeOnly, options: .create)
        _ = try await fixture.pool.download(volume, to: sink.end, TransferRequest(), in: fixture.context)
        #expect(try await run("cmp", [path.string, fixture.path("v")]).isEmpty)
        let other = try await fixture.create("other", ByteCount(UInt64(try fixture.read("v").count)))
        let source = try LocalFile(path.string, .readOnly)
        _ = try await fixture.pool.upload(source.end, to: other, TransferRequest(), in: fixture.context)
        let copied = try await fixture.volume("other")
        #expect(copied.definition.target.encryption?.format == .luks)
        #expect(copied.definition.capacity == 8 << 20)
    }
}
