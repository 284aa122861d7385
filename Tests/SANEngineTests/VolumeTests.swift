import SANModel
import SystemPackage
import Testing

@testable import SANEngine

@Suite("Volumes")
struct VolumeTests {
    private let end = DataEnd(descriptor: .standardInput, isSeekable: false, name: "test")

    @Test("a volume is found by name, key and path; where several pools have it they are named")
    func lookup() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running("p", volumes: [EngineFixture.volume("v"), EngineFixture.volume("w")])
        for text in ["v", "/srv/key/v", "/srv/path/v"] {
            #expect(try await engine.volume(VolumeReference(text)).volume.name == "v")
            #expect(try await engine.volume(VolumeReference(text, pool: "p")).pool == "p")
        }
        #expect(await failureCode { _ = try await engine.volume(VolumeReference("")) } == .notFound)
        #expect(await failureCode { _ = try await engine.volume(VolumeReference("none")) } == .notFound)
        try await fixture.running("q", volumes: [EngineFixture.volume("v")])
        let error = await failure { _ = try await engine.volume(VolumeReference("v")) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("'p', 'q'") == true)
        #expect(try await engine.volume(VolumeReference("v", pool: "q")).pool == "q")
        #expect(try await engine.volume(VolumeReference("w")).poolType == .directory)
        _ = try await engine.stopPool("q")
        #expect(try await engine.volume(VolumeReference("v")).pool == "p")
        #expect(await failureCode { _ = try await engine.volume(VolumeReference("v", pool: "q")) } == .invalidState)
    }

    @Test("a fresh look asks the storage, and falls back on the list where it fails")
    func fresh() async throws {
        let fixture = try EngineFixture()
        try await fixture.running(volumes: [EngineFixture.volume("v")])
        let reference = VolumeReference("v")
        #expect(try await fixture.engine.volume(reference).volume.definition.allocation == 10)
        #expect(try await fixture.engine.volume(reference, fresh: true).volume.definition.allocation == 77)
        fixture.storage.fail(.inspect)
        let listed = try await fixture.engine.volume(reference, fresh: true).volume
        #expect(listed.definition.allocation == 10 && listed.problems.map(\.code) == [.backendFailure])
        fixture.storage.fail(.inspect, .notFound)
        #expect(await failureCode { _ = try await fixture.engine.volume(reference, fresh: true) } == .notFound)
    }

    @Test("create, resize, delete: the list and the pool's space follow without a refresh")
    func provisioning() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("b")])
        var definition = VolumeDefinition(name: "a", capacity: 100)
        definition.allocation = 40
        let created = try await engine.createVolume(definition, inPool: "p")
        #expect(created.isChanged && created.value.pool == "p")
        var status = try await engine.pool("p")
        #expect(status.volumeCount == 2 && status.allocation == 440 && status.available == 560)
        #expect(
            await failure { _ = try await engine.createVolume(definition, inPool: "p") }?.message
                .hasPrefix("Storage volume 'a' exists already in pool 'p'; ") == true)

        let resized = try await engine.resizeVolume(
            VolumeReference("a"), to: 50, isDelta: true, allowsShrink: false, allocates: false)
        #expect(resized.value.volume.definition.capacity == 150)
        #expect(try await engine.volume(VolumeReference("a")).volume.definition.capacity == 150)

        #expect(try await engine.deleteVolume(VolumeReference("a"), deletingSnapshots: false).isChanged)
        status = try await engine.pool("p")
        #expect(status.volumeCount == 1 && status.allocation == 400 && status.available == 600)
        #expect(await failureCode { _ = try await engine.volume(VolumeReference("a")) } == .notFound)
        #expect(fixture.storage.calls.filter { $0 == .refresh }.count == 1)
    }

    @Test(
        "a failure of the storage changes nothing in the list, and names pool and volume",
        arguments: [FakeStep.create, .resize, .deleteVolume, .upload, .wipe])
    func failures(_ step: FakeStep) async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("v")])
        let before = try await engine.volumes(ofPool: "p").volumes
        fixture.storage.fail(step)
        let reference = VolumeReference("v")
        let error = await failure {
            switch step {
            case .create: _ = try await engine.createVolume(VolumeDefinition(name: "v2", capacity: 1), inPool: "p")
            case .resize:
                _ = try await engine.resizeVolume(
                    reference, to: 200, isDelta: false, allowsShrink: false, allocates: false)
            case .deleteVolume: _ = try await engine.deleteVolume(reference, deletingSnapshots: false)
            case .upload: _ = try await engine.upload(end, to: reference, TransferRequest(), progress: NoProgress())
            default: _ = try await engine.wipeVolume(reference, .zero, progress: NoProgress())
            }
        }
        #expect(error?.code == .backendFailure)
        #expect(error?.subject.values[.pool] == "p" && error?.subject.values[.volume]?.hasPrefix("v") == true)
        #expect(try await engine.volumes(ofPool: "p").volumes == before)
        #expect(try await engine.pool("p").state == .running)
    }

    @Test("what a pool can't do is refused in libvirt's words, after the checks of the arguments")
    func unsupported() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        _ = try await engine.createPool(
            PoolDefinition(type: .multipath, name: "m", target: PoolTarget(path: "/dev/mapper")))
        let reference = VolumeReference("dm-0")
        func message(_ body: () async throws -> Void) async -> String? {
            let error = await failure(of: body)
            #expect(error?.code == .unsupported)
            return error?.message
        }
        // libvirt's words, with the pool, its type and the remedy around them.
        func refusal(_ operation: String) -> String {
            "Storage pool 'm' of type 'mpath' does not support \(operation); "
                + "'sanctl pool capabilities' shows what each type can do"
        }
        #expect(
            await message {
                _ = try await engine.createVolume(VolumeDefinition(name: "v", capacity: 1), inPool: "m")
            } == refusal("volume creation"))
        #expect(
            await message { _ = try await engine.cloneVolume(reference, named: "v") }
                == refusal("volume creation from an existing volume"))
        #expect(
            await message { _ = try await engine.deleteVolume(reference, deletingSnapshots: false) }
                == refusal("vol deletion"))
        #expect(
            await message {
                _ = try await engine.resizeVolume(
                    reference, to: 20, isDelta: false, allowsShrink: false, allocates: false)
            } == refusal("changing of volume capacity"))
        #expect(
            await failureCode {
                _ = try await engine.resizeVolume(
                    reference, to: 5, isDelta: false, allowsShrink: false, allocates: false)
            } == .invalidArgument)
        #expect(
            await message {
                _ = try await engine.upload(end, to: reference, TransferRequest(), progress: NoProgress())
            } == refusal("volume upload"))
        #expect(
            await message {
                _ = try await engine.download(reference, to: end, TransferRequest(), progress: NoProgress())
            } == refusal("volume download"))
        #expect(
            await message { _ = try await engine.wipeVolume(reference, .zero, progress: NoProgress()) }
                == refusal("volume wiping"))
        #expect(
            await message { _ = try await engine.createSnapshot("s", of: reference) } == refusal("volume snapshots"))
        #expect(
            await message { _ = try await engine.flatten(reference, progress: NoProgress()) }
                == refusal("flattening of volumes"))
        #expect(try await engine.volume(reference, fresh: true).volume.name == "dm-0")
    }

    @Test("hostile names for a new volume", arguments: ["", ".", "..", "a/b", "a\0b"])
    func names(_ name: String) async throws {
        let fixture = try EngineFixture()
        try await fixture.running()
        #expect(
            await failureCode {
                _ = try await fixture.engine.createVolume(VolumeDefinition(name: name, capacity: 1), inPool: "p")
            } == .invalidArgument)
        #expect(!fixture.storage.calls.contains(.create))
    }

    @Test("a clone has its source's size and format, and never its key, path or backing file")
    func clone() async throws {
        let fixture = try EngineFixture()
        var source = EngineFixture.volume("v", capacity: 500)
        source.definition.backingStore = BackingStore(path: "/base")
        try await fixture.running(volumes: [source])
        let clone = try await fixture.engine.cloneVolume(VolumeReference("v"), named: "c").value.volume.definition
        #expect(clone.name == "c" && clone.capacity == 500 && clone.target.format == .raw)
        #expect(clone.key == nil && clone.target.path == nil && clone.backingStore == nil)
    }

    @Test(
        "VOLUME@SNAPSHOT is taken apart, unless a volume has that name; a pool that only copies has no clones of snapshots"
    )
    func snapshotNames() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try await fixture.running(volumes: [EngineFixture.volume("v"), EngineFixture.volume("v@s")])
        for (text, volume, snapshot) in [
            ("v", "v", nil), ("v@s", "v@s", nil), ("v@t", "v", "t"), ("a@b@c", "a@b", "c"),
        ] {
            let split = try engine.splitSnapshot(VolumeReference(text, pool: "p"))
            #expect(split.volume == VolumeReference(volume, pool: "p") && split.snapshot == snapshot)
        }
        let refused = await failure {
            _ = try await engine.cloneVolume(VolumeReference("v"), snapshot: "t", named: "c")
        }
        #expect(refused?.code == .unsupported)
        #expect(!fixture.storage.calls.contains(.create))
    }

    @Test("a volume without a size is refused, unless something else gives it one")
    func sizes() async throws {
        let fixture = try EngineFixture()
        try await fixture.running(volumes: [EngineFixture.volume("v", capacity: 500)])
        let engine = fixture.engine
        #expect(
            await failureCode {
                _ = try await engine.createVolume(VolumeDefinition(name: "n"), inPool: "p")
            } == .invalidArgument)
        var image = VolumeDefinition(name: "n", capacity: 1)
        image.imageSettings = ImageSettings()
        // Only an image has what is asked for; to leave it out silently would be worse.
        #expect(await failureCode { _ = try await engine.createVolume(image, inPool: "p") } == .unsupported)
        var backed = VolumeDefinition(name: "n")
        backed.backingStore = BackingStore(path: "/base")
        #expect(try await engine.createVolume(backed, inPool: "p").isChanged)
        let copied = try await engine.createVolume(
            VolumeDefinition(name: "c", capacity: 10), inPool: "p", from: VolumeReference("v"))
        #expect(copied.value.volume.definition.capacity == 500, "it is never smaller than what it is filled from")
    }
}
