import Glibc
import SANHost
import SANModel
import Testing

@testable import SANEngine

@Suite("Secrets of encrypted volumes")
struct VolumeEncryptionTests {
    private func definition(_ name: String = "v", secrets: [SecretReference] = []) -> VolumeDefinition {
        var definition = VolumeDefinition(name: name, capacity: 100)
        definition.target.encryption = EncryptionDefinition(format: .luks, secrets: secrets)
        return definition
    }

    private func listed(_ fixture: EngineFixture, _ name: String = "v") async throws -> [SecretReference]? {
        try await fixture.engine.volume(VolumeReference(name)).volume.definition.target.encryption?.secrets
    }

    @Test("a volume whose document names no secret gets one, which every later list names")
    func made() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running()
        let volume = try await engine.createVolume(definition(), inPool: "p").value.volume
        let secret = try #require(try await engine.secrets().first)
        let uuid = try #require(secret.definition.uuid)
        #expect(uuid.description.dropFirst(14).first == "4")
        #expect(secret.definition.usage == .init(kind: .volume, name: "/srv/path/v"))
        #expect(secret.hasValue)
        #expect(volume.definition.target.encryption?.secrets == [.uuid(uuid)])
        #expect(volume.definition.xml.contains("<secret type='passphrase' uuid='\(uuid)'/>"))
        let value = try await engine.secretValue("volume:/srv/path/v").copied()
        #expect(value.count == 43 && Set(value).count > 10)
        #expect(try await listed(fixture) == [.uuid(uuid)])
        _ = try await engine.refreshPool("p")
        #expect(try await listed(fixture) == [.uuid(uuid)])
        #expect(
            try await engine.volume(VolumeReference("v"), fresh: true).volume.definition.target.encryption?.secrets
                == [.uuid(uuid)])
        let grown = try await engine.resizeVolume(
            VolumeReference("v"), to: 200, isDelta: false, allowsShrink: false, allocates: false)
        #expect(grown.value.volume.definition.target.encryption?.secrets == [.uuid(uuid)])
        _ = try await engine.createVolume(definition("w"), inPool: "p")
        let values = [value, try await engine.secretValue("volume:/srv/path/w").copied()]
        #expect(values[0] != values[1])
    }

    @Test("a creation that fails leaves no secret of its own, and one that was there")
    func failed() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running()
        fixture.storage.fail(.create)
        #expect(await failureCode { _ = try await engine.createVolume(definition(), inPool: "p") } == .backendFailure)
        #expect(try await engine.secrets().isEmpty)
        let own = SecretDefinition(usage: .init(kind: .volume, name: "/srv/path/v"))
        let uuid = try #require(try await engine.defineSecret(own).value.definition.uuid)
        _ = try await engine.setSecretValue(uuid.description, to: SecretBytes([1]))
        #expect(await failureCode { _ = try await engine.createVolume(definition(), inPool: "p") } == .backendFailure)
        #expect(try await engine.secrets().map(\.definition.uuid) == [uuid])
        fixture.storage.mend(.create)
        let volume = try await engine.createVolume(definition(), inPool: "p").value.volume
        #expect(volume.definition.target.encryption?.secrets == [.uuid(uuid)])
        #expect(try await engine.secretValue(uuid.description).copied() == [1])
    }

    @Test("a copy's secret may be named by its usage where the origin's is named by its UUID, and is the same")
    func copied() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running()
        _ = try await engine.createVolume(definition(), inPool: "p")
        let uuid = try #require(try await engine.secrets().first?.definition.uuid)
        let origin = VolumeReference("v")
        let copy = try await engine.createVolume(
            definition("w", secrets: [.usage("/srv/path/v")]), inPool: "p", from: origin)
        #expect(copy.value.volume.definition.target.encryption?.secrets == [.uuid(uuid)])
        // Another one, and one that isn't there, are the backend's to judge.
        let other = try #require(
            try await engine.defineSecret(SecretDefinition(usage: .init(kind: .volume, name: "o"))).value.definition
                .uuid)
        for (name, secret) in [("x", SecretReference.uuid(other)), ("y", .usage("none"))] {
            let copy = try await engine.createVolume(definition(name, secrets: [secret]), inPool: "p", from: origin)
            #expect(copy.value.volume.definition.target.encryption?.secrets == [secret])
        }
    }

    @Test("a secret whose value can't be stored isn't left, also after the deadline")
    func valueless() async throws {
        let fixture = try EngineFixture()
        // Others could put values of theirs there.
        let values = fixture.folder.appending("lib/secrets")
        try LocalFolder(values).create()
        #expect(chmod(values.string, 0o777) == 0)
        let store = fixture.engine.secretStore
        let code = await failureCode { _ = try await store.provide(forVolumeAt: "/v", until: .after(.zero)) }
        #expect(code == .permissionDenied)
        #expect(try store.all().isEmpty)
    }

    @Test("a secret that can't be withdrawn in time is named with the reason, and can be later")
    func kept() async throws {
        let fixture = try EngineFixture(timeout: .milliseconds(10))
        let store = fixture.engine.secretStore
        let uuid = try await store.provide(forVolumeAt: "/v", until: .after(.seconds(60))).value
        let failed = StorageError(.timedOut, "The pool is slow")
        let lock = try await store.locks.acquire(.secrets, .exclusive, for: "a test", until: .after(.seconds(60)))
        let error = await store.withdraw(uuid, after: failed)
        #expect(error.code == .timedOut && error.message == failed.message)
        #expect(error.causes.map(\.code) == [.busy] && error.causes.first?.message.contains("\(uuid)") == true)
        #expect(error.causes.first?.causes.first?.message.contains("a test") == true)
        #expect(try store.all().count == 1)
        lock.release()
        let task = Task {
            withUnsafeCurrentTask { unsafe $0?.cancel() }
            return await store.withdraw(uuid, after: failed)
        }
        #expect(await task.value.causes.isEmpty)
        #expect(try store.all().isEmpty)
    }

    @Test("a creation that fails keeps the secret where the volume is there all the same")
    func uncertain() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        fixture.storage.fail(.create)
        fixture.storage.setVolumes("p", [Volume(definition())])
        let error = await #expect(throws: StorageError.self) {
            _ = try await fixture.engine.createVolume(definition(), inPool: "p")
        }
        let uuid = try #require(try await fixture.engine.secrets().first?.definition.uuid)
        #expect(error?.code == .backendFailure && error?.causes.contains { $0.message.contains("\(uuid)") } == true)
    }

    @Test("a secret of the path, another volume's once, doesn't take the place of the one that was named")
    func keepsNamed() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        let left = SecretDefinition(usage: .init(kind: .volume, name: "/srv/path/v"))
        _ = try await fixture.engine.defineSecret(left)
        _ = try await fixture.engine.createVolume(definition(secrets: [.usage("u")]), inPool: "p")
        _ = try await fixture.engine.refreshPool("p")
        #expect(try await listed(fixture) == [.usage("u")])
    }

    @Test("a volume that couldn't be looked at stays as encrypted as it was listed, and keeps its secret")
    func unseen() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        _ = try await fixture.engine.createVolume(definition(secrets: [.usage("u")]), inPool: "p")
        let good = try #require(fixture.storage.volumes("p").first)
        var unseen = good
        unseen.definition.target.encryption = nil
        unseen.isEncryptionUnknown = true
        fixture.storage.setVolumes("p", [unseen])
        _ = try await fixture.engine.refreshPool("p")
        let listed = try await fixture.engine.volume(VolumeReference("v")).volume
        #expect(listed.definition.target.encryption?.format == .luks && listed.isEncryptionUnknown)
        fixture.storage.setVolumes("p", [good])
        _ = try await fixture.engine.refreshPool("p")
        #expect(try await self.listed(fixture) == [.usage("u")])
    }

    @Test("a volume that couldn't be looked at stays encrypted without a secret; another of its name doesn't")
    func unseenWithoutSecret() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        var volume = Volume(definition())
        volume.image = ImageIdentity(cluster: "c", pool: 1, namespace: "", id: "i")
        fixture.storage.setVolumes("p", [volume])
        _ = try await fixture.engine.refreshPool("p")
        volume.definition.target.encryption = nil
        volume.isEncryptionUnknown = true
        fixture.storage.setVolumes("p", [volume])
        _ = try await fixture.engine.refreshPool("p")
        let listed = try await fixture.engine.volume(VolumeReference("v")).volume
        #expect(listed.definition.target.encryption == EncryptionDefinition(format: .luks))
        volume.image?.id = "j"
        fixture.storage.setVolumes("p", [volume])
        _ = try await fixture.engine.refreshPool("p")
        let other = try await fixture.engine.volume(VolumeReference("v")).volume
        #expect(other.definition.target.encryption == nil && other.isEncryptionUnknown)
    }

    @Test("an update of sanctl forgets no secret that a volume was listed with")
    func updated() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        _ = try await fixture.engine.createVolume(definition(secrets: [.usage("u")]), inPool: "p")
        let list = try #require(try fixture.engine.live.volumes(of: "p"))
        try fixture.write("run/storage/p.vols", RecordTests.before(list))
        #expect(try await listed(fixture) == [.usage("u")])
        _ = try await fixture.engine.refreshPool("p")
        #expect(try await listed(fixture) == [.usage("u")])
    }

    @Test("an encrypted image isn't cloned by a copy, which would pass through the storage in clear")
    func encryptedImage() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        var image = Volume(definition(secrets: [.usage("u")]))
        image.image = ImageIdentity(cluster: "c", pool: 1, namespace: "", id: "i")
        fixture.storage.setVolumes("p", [image])
        _ = try await fixture.engine.refreshPool("p")
        let code = await failureCode { _ = try await fixture.engine.cloneVolume(VolumeReference("v"), named: "w") }
        #expect(code == .unsupported)
        #expect(fixture.storage.volumes("p").map(\.name) == ["v"])
    }

    @Test("a creation that is cancelled leaves no secret")
    func cancelled() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running()
        let gate = fixture.storage.stop(at: .create)
        let definition = definition()
        let task = Task { try await engine.createVolume(definition, inPool: "p") }
        await gate.arrival()
        #expect(try await engine.secrets().count == 1)
        task.cancel()
        await gate.open()
        #expect(await failureCode { _ = try await task.value } == .cancelled)
        #expect(try await engine.secrets().isEmpty)
    }

    @Test("a secret that the document names stays the volume's as long as it is the same file")
    func named() async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        _ = try await fixture.engine.createVolume(definition(secrets: [.usage("u")]), inPool: "p")
        #expect(try await fixture.engine.secrets().isEmpty)
        _ = try await fixture.engine.refreshPool("p")
        #expect(try await listed(fixture) == [.usage("u")])
        let clone = try await fixture.engine.cloneVolume(VolumeReference("v"), named: "w").value.volume
        #expect(clone.definition.target.encryption?.secrets == [.usage("u")])
        var other = try #require(fixture.storage.volumes("p").first)
        other.file?.inode += 1
        fixture.storage.setVolumes("p", [other])
        _ = try await fixture.engine.refreshPool("p")
        #expect(try await listed(fixture) == [])
    }
}
