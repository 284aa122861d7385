import SANEngine
import SANModel
import SANTestSupport
import SANXML
import Testing

@testable import SANBackendRBD

/// What images are made of, on a real cluster.
@Suite(.timeLimit(.minutes(5))) struct RBDSettingsServiceTests {
    let fixture: RBDFixture

    init() async throws {
        fixture = try await RBDFixture()
    }

    private func request(_ change: (inout ImageSettings) -> Void) -> VolumeRequest {
        var definition = VolumeDefinition(name: "v", capacity: ByteCount(32 << 20))
        var settings = ImageSettings()
        change(&settings)
        definition.imageSettings = settings
        return VolumeRequest(definition)
    }

    @Test("an image is made as its settings say, rbd shows it so, and its document makes another one like it")
    func makes() async throws {
        let cluster = fixture.cluster
        let pool = "data\(fixture.namespace)"
        try await withThread {
            try cluster.ceph("osd", "pool", "create", pool, "8")
            try cluster.ceph("osd", "pool", "application", "enable", pool, "rbd")
        }
        try await fixture.withPool { rbd in
            let made = try await rbd.createVolume(
                request { settings in
                    settings.objectSize = ByteCount(1 << 20)
                    settings.striping = .init(unit: ByteCount(65536), count: 8)
                    settings.dataPool = pool
                    settings.features = [.layering, .exclusiveLock]
                    settings.metadata = ["owner": "team a", "conf_rbd_cache": "false", "empty": ""]
                }, in: fixture.context()
            ).value
            let name = fixture.spec("v")
            let (info, metadata) = try await withThread {
                (try cluster.rbd("info", name), try cluster.rbd("image-meta", "list", name))
            }
            for part in [
                "order 20 (1 MiB objects)", "stripe unit: 64 KiB", "stripe count: 8", "data_pool: \(pool)",
                "features: layering, striping, exclusive-lock, data-pool",
            ] {
                #expect(info.contains(part), "\(part) in \(info)")
            }
            for part in ["owner", "team a", "conf_rbd_cache", "empty"] { #expect(metadata.contains(part)) }
            // The bytes find their way over the stripes.
            let bytes = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 11) }
            try await Transfers.upload(bytes, to: made, of: rbd, fixture)
            #expect(try await Transfers.download(made, of: rbd, fixture).prefix(3 << 20) == bytes[...])

            let dumped = try await rbd.inspect(made, in: fixture.context()).definition
            var again = try VolumeDefinition(xml: Array(dumped.xml.utf8))
            #expect(
                again.imageSettings == dumped.imageSettings
                    && again.imageSettings?.features?.contains(.striping) == true)
            again.name = "w"
            again.key = nil
            let copy = try await rbd.createVolume(
                VolumeRequest(again, origin: .init(volume: made, pool: rbd)), in: fixture.context()
            ).value
            #expect(copy.definition.imageSettings == dumped.imageSettings)
            #expect(try await Transfers.download(copy, of: rbd, fixture).prefix(3 << 20) == bytes[...])
        }
    }

    @Test("without settings it is as the cluster makes images, and that can be seen")
    func defaults() async throws {
        try await fixture.withPool { rbd in
            let settings = try #require(try await fixture.create("v", 1 << 20, in: rbd).definition.imageSettings)
            #expect(settings.objectSize == ByteCount(4 << 20) && settings.dataPool == nil && settings.striping == nil)
            #expect(settings.features == [.layering, .exclusiveLock, .objectMap, .fastDiff, .deepFlatten])
            #expect(settings.metadata.isEmpty)
        }
    }

    @Test("stripes alone, and object maps alone, are made too")
    func partly() async throws {
        try await fixture.withPool { rbd in
            let striped = try await rbd.createVolume(
                request { $0.striping = .init(unit: ByteCount(1 << 20), count: 2) }, in: fixture.context()
            ).value
            #expect(striped.definition.imageSettings?.striping?.count == 2)
            _ = try await rbd.deleteVolume(striped, deletingSnapshots: false, in: fixture.context())
            let plain = try await rbd.createVolume(request { $0.features = [] }, in: fixture.context()).value
            #expect(plain.definition.imageSettings?.features == [])
        }
    }

    @Test("metadata that is too long to be shown is the image's problem, and what comes before it is there")
    func boundsMetadata() async throws {
        try await fixture.withPool { rbd in
            let volume = try await fixture.create("v", 1 << 20, in: rbd)
            // More than one answer holds, each of which is short enough.
            let text = String(repeating: "x", count: 100_000)
            try await fixture.onImage("v") { image throws(StorageError) in
                for key in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] { try image.setMetadata(key, text) }
            }
            var found = try await rbd.inspect(volume, in: fixture.context())
            #expect(found.problems.isEmpty && found.definition.imageSettings?.metadata.count == 9)
            try await fixture.onImage("v") { image throws(StorageError) in
                try image.setMetadata("c", String(repeating: "x", count: 2 << 20))
            }
            found = try await rbd.inspect(volume, in: fixture.context())
            #expect(found.problems.map(\.code) == [.unsupported])
            #expect(found.definition.imageSettings?.metadata.keys.sorted() == ["a", "b"])
            #expect(!found.isEncryptionUnknown)
            #expect(try await rbd.refresh(in: fixture.context()).volumes.first?.problems == [])
        }
    }

    @Test("many keys, of any letters, are all there")
    func readsAllMetadata() async throws {
        try await fixture.withPool { rbd in
            let volume = try await fixture.create("v", 1 << 20, in: rbd)
            // One answer has 64; each letter is another one by Unicode's order than by its bytes.
            let keys = ["\u{C6}", "\u{212B}"].flatMap { letter in (0..<64).map { "\(letter)\(100 + $0)" } }
            try await fixture.onImage("v") { image throws(StorageError) in
                for key in keys { try image.setMetadata(key, "x") }
            }
            let found = try await rbd.inspect(volume, in: fixture.context())
            #expect(found.problems.isEmpty && found.definition.imageSettings?.metadata.count == keys.count)
        }
    }

    @Test("a pool for the data that isn't there is named, and no image is left behind")
    func refusals() async throws {
        try await fixture.withPool { rbd in
            let refused = request { $0.dataPool = "no-such-pool" }
            #expect(await code { _ = try await rbd.createVolume(refused, in: fixture.context()) } == .notFound)
            let left = try await rbd.refresh(in: fixture.context()).volumes
            #expect(left.isEmpty)
        }
    }
}
