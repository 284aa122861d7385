import Testing

@testable import SANBackendRBD

/// Keys and values are whatever bytes somebody set.
@Suite struct ImageMetadataTests {
    private func bytes(_ texts: [[UInt8]]) -> [CChar] {
        texts.flatMap { $0 + [0] }.map { CChar(bitPattern: $0) }
    }

    private func take(_ keys: [[UInt8]], into metadata: inout ImageMetadata) -> ImageMetadata.Outcome {
        metadata.take(keys: bytes(keys), values: bytes(keys.map { _ in Array("v".utf8) }))
    }

    @Test("the next piece begins after the last key by its bytes, not by what Unicode makes of it")
    func goesOnByBytes() {
        var metadata = ImageMetadata()
        // U+212B sorts as U+00C5, and before U+00C6, by Unicode, but after it by its bytes.
        #expect(take([Array("\u{C6}".utf8)], into: &metadata) == .taken)
        #expect(take([Array("\u{212B}".utf8)], into: &metadata) == .taken)
        #expect(metadata.last == Array("\u{212B}".utf8) && metadata.found.count == 2)
        #expect(take([Array("\u{212B}".utf8)], into: &metadata) == .end)
        #expect(take([], into: &metadata) == .end)
    }

    @Test("a key that isn't UTF-8 is left out, and what comes after it isn't")
    func keepsRawKeys() {
        var metadata = ImageMetadata()
        #expect(take([[0x61], [0x62, 0x80]], into: &metadata) == .taken)
        #expect(metadata.last == [0x62, 0x80] && metadata.found == ["a": "v"])
        // It would come before U+FFFD, which the key would be mended with.
        #expect(take([[0x62, 0x81], Array("b\u{C6}".utf8)], into: &metadata) == .taken)
        #expect(metadata.found.keys.sorted() == ["a", "b\u{C6}"])
    }

    @Test("more than the limit is full; a value without an end isn't taken")
    func bounded() {
        var metadata = ImageMetadata()
        let first = metadata.take(keys: bytes([[0x61]]), values: bytes([Array(repeating: 0x78, count: 1 << 20)]))
        #expect(first == .taken && metadata.isFull)
        metadata = ImageMetadata()
        let second = metadata.take(keys: bytes([[0x61], [0x62]]), values: bytes([[0x78], [0x79]]).dropLast())
        #expect(second == .unclear && metadata.found.isEmpty && metadata.last.isEmpty && !metadata.isFull)
        let alone = metadata.take(keys: bytes([[0x62]]), values: bytes([[0x79]]).dropLast())
        #expect(alone == .unclear && metadata.found.isEmpty)
    }

    @Test("a value with a NUL of its own shifts no other to a wrong key: each is asked for alone, and it is left out")
    func knowsWhoseValuesAre() {
        var metadata = ImageMetadata()
        let (a, b, two): ([UInt8], [UInt8], [UInt8]) = ([0x61], [0x62], [0x78, 0, 0x79])
        #expect(metadata.take(keys: bytes([a, b]), values: bytes([two, [0x7A]])) == .unclear)
        #expect(metadata.found.isEmpty && metadata.last.isEmpty)
        #expect(metadata.take(keys: bytes([a]), values: bytes([two])) == .taken)
        #expect(metadata.take(keys: bytes([b]), values: bytes([[0x7A]])) == .taken)
        #expect(metadata.found == ["b": "z"] && metadata.last == b)
    }
}
