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
        _ settings: ImageSettings? = nil, in pool: RBDPool
    ) async throws -> Volume {
        var definition = VolumeDefinition(name: name, capacity: ByteCount(capacity))
        definition.imageSettings = settings
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

    @Test(
        "a header that isn't in the first object alone is read all the same",
        arguments: [(object: UInt64(4 << 20), stripe: UInt64?.some(4096)), (64 << 10, nil)])
    func readsSpreadHeaders(_ object: UInt64, _ stripe: UInt64?) async throws {
        try await fixture.withPool { pool in
            var settings = ImageSettings()
            settings.objectSize = ByteCount(object)
            settings.striping = stripe.map { ImageSettings.Striping(unit: ByteCount($0), count: 4) }
            _ = try await create("v", 4 << 20, .luks2, settings, in: pool)
            let volume = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
            #expect(volume.definition.target.encryption?.format == .luks2 && volume.problems.isEmpty)
            #expect(volume.definition.capacity == ByteCount(4 << 20))
            var known = volume
            known.definition.target.encryption?.secrets = [.usage("passphrase")]
            let bytes = LocalEnds.pattern(1 << 20)
            try await Transfers.upload(bytes, to: known, of: pool, fixture)
            #expect(try await Transfers.download(known, of: pool, fixture).prefix(1 << 20) == bytes[...])
        }
    }

    @Test("an image whose header would end within its stripes isn't made: later versions of librbd don't open it")
    func refusesRaggedHeaders() async throws {
        try await fixture.withPool { pool in
            var settings = ImageSettings()
            // A row is longer than what is added for a header usually.
            settings.objectSize = ByteCount(32 << 20)
            settings.striping = .init(unit: ByteCount(1 << 20), count: 4)
            let ragged = settings
            #expect(await code { _ = try await create("v", 1 << 20, .luks, ragged, in: pool) } == .unsupported)
            let left = try await pool.refresh(in: fixture.context()).volumes
            #expect(left.isEmpty)
        }
    }

    @Test("an encrypted image may have its data, and so its header, in another pool")
    func encryptsInAnotherPool() async throws {
        let (cluster, name) = (fixture.cluster, "e" + fixture.namespace)
        try await withThread {
            try cluster.ceph("osd", "pool", "create", name, "8")
            try cluster.ceph("osd", "pool", "application", "enable", name, "rbd")
        }
        let bytes = LocalEnds.pattern(3 << 20)
        try await fixture.withPool { pool in
            var settings = ImageSettings()
            settings.dataPool = name
            _ = try await create("v", 9 << 20, .luks, settings, in: pool)
            var volume = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
            #expect(volume.definition.target.encryption?.format == .luks && volume.problems.isEmpty)
            #expect(volume.definition.capacity == ByteCount(9 << 20))
            volume.definition.target.encryption?.secrets = [.usage("passphrase")]
            try await Transfers.upload(bytes, to: volume, of: pool, fixture)
            #expect(try await Transfers.download(volume, of: pool, fixture).prefix(bytes.count) == bytes[...])
            #expect(
                try await pool.inspect(volume, in: fixture.context()).definition.imageSettings?.dataPool == name)
        }
        let objects = try await withThread { try cluster.rados("-p", name, "ls", "--all") }
        #expect(objects.contains("rbd_data."))
    }

    @Test("an image whose beginning can't be read isn't a plain one, but one with a problem")
    func tellsWhatIsUnread() async throws {
        let (cluster, name) = (fixture.cluster, "d" + fixture.namespace)
        let (plain, hidden) = (fixture.spec("plain"), fixture.spec("hidden"))
        let key = try await withThread {
            try cluster.ceph("osd", "pool", "create", name, "8")
            try cluster.ceph("osd", "pool", "application", "enable", name, "rbd")
            try cluster.rbd("create", "--size=8M", plain)
            try cluster.rbd("create", "--size=8M", "--data-pool=" + name, hidden)
            // Data of other pools is none of this user's business.
            try cluster.ceph(
                "auth", "get-or-create", "client." + name, "mon", "profile rbd", "osd", "profile rbd pool=rbd")
            return try cluster.ceph("auth", "print-key", "client." + name).split(separator: "\n").last.map {
                String($0)
            }
        }
        var definition = fixture.definition()
        definition.source.authentication?.username = name
        let context = fixture.context(key: key)
        let pool = try await RBDBackend().activate(definition, in: context).value
        let volumes = try await pool.refresh(in: context).volumes
        let seen = volumes.first { $0.name == "plain" }
        let unseen = try #require(volumes.first { $0.name == "hidden" })
        #expect(seen?.isEncryptionUnknown == false && seen?.problems == [])
        #expect(unseen.isEncryptionUnknown && unseen.problems.map(\.code) == [.permissionDenied])
        #expect(unseen.definition.capacity == ByteCount(8 << 20))
        // How much of it is the guest's isn't known.
        let smaller = ResizeRequest(capacity: ByteCount(4 << 20), allowsShrink: true)
        #expect(await code { _ = try await pool.resizeVolume(unseen, to: smaller, in: context) } == .permissionDenied)
        _ = try await pool.deactivate(in: context)
    }

    @Test(
        "a header that can't be read is a guest's as long as no secret is known",
        arguments: ["LUKS", "RBDL"])
    func tellsOfUnreadableHeaders(_ mark: String) async throws {
        let bytes = Array(mark.utf8) + [0xBA, 0xBE, 0, 9]
        try await fixture.withPool { pool in
            let made = try await fixture.create("v", 1 << 20, in: pool)
            try await Transfers.upload(bytes, to: made, of: pool, fixture)
            #expect(await code { _ = try await Transfers.download(made, of: pool, fixture) } == .invalidState)
            let larger = ResizeRequest(capacity: ByteCount(2 << 20))
            #expect(
                await code { _ = try await pool.resizeVolume(made, to: larger, in: fixture.context()) } == .invalidState
            )
            var volume = try #require(try await pool.refresh(in: fixture.context()).volumes.first)
            #expect(volume.definition.target.encryption?.format == .anyLUKS)
            #expect(volume.problems.map(\.code) == [.unsupported] && volume.definition.capacity == ByteCount(1 << 20))
            #expect(try await Transfers.download(volume, of: pool, fixture).prefix(8) == bytes[...])
            #expect(await code { try await Transfers.upload([1], to: volume, of: pool, fixture) } == .notFound)
            volume.definition.target.encryption?.secrets = [.usage("passphrase")]
            #expect(await code { _ = try await Transfers.download(volume, of: pool, fixture) } == .unsupported)
        }
    }

    @Test("clones of one image begin as the snapshots that they stand on, as far as they reach")
    func tellsClonesApart() async throws {
        let fixture = fixture
        try await fixture.withPool { pool in
            _ = try await fixture.create("v", 64 << 20, in: pool)
            try await fixture.rbd("snap", "create", fixture.spec("v") + "@plain")
            try await fixture.onImage("v") { image throws(StorageError) in
                try image.format(
                    ImageEncryption(isSecond: false, isStrong: true, passphrase: SecretBytes("a passphrase".utf8)))
            }
            try await fixture.rbd("snap", "create", fixture.spec("v") + "@secret")
            for snapshot in ["plain", "secret"] {
                try await fixture.rbd("snap", "protect", fixture.spec("v") + "@" + snapshot)
            }
            for (clone, snapshot) in [
                ("a", "plain"), ("b", "secret"), ("c", "secret"), ("d", "secret"), ("e", "plain"),
            ] {
                try await fixture.rbd("clone", fixture.spec("v") + "@" + snapshot, fixture.spec(clone))
            }
            // The payload begins behind its end now.
            try await fixture.rbd("resize", "--allow-shrink", "--size=1M", fixture.spec("d"))
            let volumes = try await pool.refresh(in: fixture.context()).volumes
            let formats = Dictionary(
                uniqueKeysWithValues: volumes.map { ($0.name, $0.definition.target.encryption?.format) })
            #expect(formats == ["v": .luks, "a": nil, "b": .luks, "c": .luks, "d": .anyLUKS, "e": nil])
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
