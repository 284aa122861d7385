import SANEngine
import SANModel
import Testing

@testable import SANBackendDirectory
@testable import SANImages

/// By which rules an image in a file gets another capacity.
@Suite struct ImageResizingTests {
    private func resizing(
        _ image: HandMadeImage, listed: VolumeFormat? = nil, to request: ResizeRequest
    ) throws -> ImageResizing {
        let header = try #require(ImageHeaderTests.header(image.bytes, fileSize: image.fileSize))
        var definition = VolumeDefinition(name: "v", capacity: image.capacity)
        definition.target.format = listed ?? image.format
        let volume = Volume(definition)
        return try header.of(volume).resizing(of: volume, withBytes: image.fileSize, to: request)
    }

    private func resize(
        _ format: String, to capacity: ByteCount, shrinks: Bool = false, allocates: Bool = false
    ) -> ImageResizing {
        .image(
            QemuImg.Resize(
                format: format, capacity: capacity, shrinks: shrinks, allocates: allocates, isEncrypted: false))
    }

    @Test func `A raw volume is its file, and a LUKS volume what is behind its header`() throws {
        #expect(try resizing(.raw, to: ResizeRequest(capacity: 2 << 20)) == .file(2 << 20))
        #expect(try resizing(.raw, to: ResizeRequest(capacity: 1 << 20, allocates: true)) == .none)
        let luks = HandMadeImage.luks
        let offset = luks.fileSize - (try #require(luks.capacity)).bytes
        #expect(try resizing(luks, to: ResizeRequest(capacity: luks.capacity ?? 0)) == .none)
        #expect(try resizing(luks, to: ResizeRequest(capacity: 1 << 30)) == .file(offset + 1 << 30))
        expect(.unsupported) { try resizing(luks, to: ResizeRequest(capacity: ByteCount(UInt64.max))) }
        var detached = luks
        detached.bytes.replaceSubrange(104..<108, with: [0, 0, 0, 0])
        expect(.unsupported) { try resizing(detached, to: ResizeRequest(capacity: 1 << 30)) }
    }

    @Test func `An image in a raw volume is the guest's data`() throws {
        let image = HandMadeImage.qcow2(version: 3)
        #expect(try resizing(image, listed: .raw, to: ResizeRequest(capacity: 2 << 20)) == .file(2 << 20))
        expect(.invalidState) { try resizing(.raw, listed: .qcow2, to: ResizeRequest(capacity: 2 << 20)) }
    }

    @Test func `qemu-img resizes qcow2, and makes qed larger`() throws {
        for image in [HandMadeImage.qcow2(version: 2), .qcow2(version: 3)] {
            #expect(try resizing(image, to: ResizeRequest(capacity: 8 << 20)) == .none)
            #expect(
                try resizing(image, to: ResizeRequest(capacity: 9 << 20, allocates: true))
                    == resize("qcow2", to: 9 << 20, allocates: true))
            let shrink = ResizeRequest(capacity: 4 << 20, allowsShrink: true, allocates: true)
            #expect(try resizing(image, to: shrink) == resize("qcow2", to: 4 << 20, shrinks: true))
        }
        // It can't be allocated.
        #expect(
            try resizing(.qed, to: ResizeRequest(capacity: 9 << 20, allocates: true)) == resize("qed", to: 9 << 20))
        expect(.unsupported) { try resizing(.qed, to: ResizeRequest(capacity: 4 << 20, allowsShrink: true)) }
    }

    @Test func `A qcow2 image of version 0.10 with snapshots inside keeps its size`() throws {
        func withSnapshots(_ version: UInt32) -> HandMadeImage {
            var image = HandMadeImage.qcow2(version: version)
            image.bytes.replaceSubrange(60..<64, with: [0, 0, 0, 2])
            return image
        }
        let request = ResizeRequest(capacity: 9 << 20)
        expect(.unsupported) { try resizing(withSnapshots(2), to: request) }
        #expect(try resizing(withSnapshots(2), to: ResizeRequest(capacity: 8 << 20)) == .none)
        #expect(try resizing(withSnapshots(3), to: request) == resize("qcow2", to: 9 << 20))
    }

    @Test(arguments: [HandMadeImage.vmdk, .vdi, .vpc, .qcow, .ploop])
    func `Other formats have one size for ever`(image: HandMadeImage) throws {
        expect(.unsupported) { try resizing(image, to: ResizeRequest(capacity: 9 << 20)) }
    }

    @Test(arguments: [HandMadeImage.raw, .luks, .qcow2(version: 3), .qed])
    func `What has another size by now is left as it is`(image: HandMadeImage) throws {
        let old = try #require(image.capacity)
        expect(.invalidState) { try resizing(image, to: ResizeRequest(capacity: ByteCount(old.bytes - 4096))) }
        let reckoned = ResizeRequest(capacity: 1 << 30, expected: ByteCount(old.bytes - 1))
        expect(.invalidState) { try resizing(image, to: reckoned) }
    }

    private func expect(
        _ code: StorageError.Code, _ location: Testing.SourceLocation = #_sourceLocation,
        _ body: () throws -> ImageResizing
    ) {
        let error = #expect(throws: StorageError.self, sourceLocation: location) { try body() }
        #expect(error?.code == code, sourceLocation: location)
    }
}
