import Testing

@testable import SANBackendRBD

/// Keys and values are whatever bytes somebody set.
@Suite struct ImageMetadataTests {
    private func bytes(_ texts: [[UInt8]]) -> [CChar] {
        texts.flatMap { $0 + [0] }.map { CChar(bitPattern: $0) }
    }

    private func take(_ keys: [[UInt8]], into metadata: inout ImageMetadata) -> Bool {
        metadata.take(keys: bytes(keys), values: bytes(keys.map { _ in Array("v".utf8) }))
    }

    @Test("the next piece begins after the last key by its bytes, not by what Unicode makes of it")
    func goesOnByBytes() {
        var metadata = ImageMetadata()
        // U+212B sorts as U+00C5, and before U+00C6, by Unicode, but after it by its bytes.
        #expect(take([Array("\u{C6}".utf8)], into: &metadata))
        #expect(take([Array("\u{212B}".utf8)], into: &metadata))
        #expect(metadata.last == Array("\u{212B}".utf8) && metadata.found.count == 2)
        #expect(!take([Array("\u{212B}".utf8)], into: &metadata))
        #expect(!take([], into: &metadata))
    }

    @Test("a key that isn't UTF-8 is left out, and what comes after it isn't")
    func keepsRawKeys() {
        var metadata = ImageMetadata()
        #expect(take([[0x61], [0x62, 0x80]], into: &metadata))
        #expect(metadata.last == [0x62, 0x80] && metadata.found == ["a": "v"])
        // It would come before U+FFFD, which the key would be mended with.
        #expect(take([[0x62, 0x81], Array("b\u{C6}".utf8)], into: &metadata))
        #expect(metadata.found.keys.sorted() == ["a", "b\u{C6}"])
    }

    @Test("more than the limit is full; a value without an end isn't taken")
    func bounded() {
        var metadata = ImageMetadata()
        let first = metadata.take(keys: bytes([[0x61]]), values: bytes([Array(repeating: 0x78, count: 1 << 20)]))
        #expect(first && metadata.isFull)
        metadata = ImageMetadata()
        let second = metadata.take(keys: bytes([[0x61], [0x62]]), values: bytes([[0x78], [0x79]]).dropLast())
        #expect(second && metadata.found == ["a": "x"] && !metadata.isFull)
    }
}
