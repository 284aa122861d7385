import Testing

@testable import SANCommands

@Suite("Base64 of secrets")
struct Base64Tests {
    @Test(
        "RFC 4648, section 10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(Array(encoded.utf8)) == Array(plain.utf8))
    }

    @Test("All bytes come back; white space is skipped")
    func allBytes() throws {
        let bytes = Array(UInt8.min...UInt8.max)
        let text = Base64.encode(bytes)
        let broken = text.enumerated().map { $0.offset % 64 == 63 ? "\($0.element)\n" : "\($0.element)" }.joined()
        #expect(Base64.decode(Array(broken.utf8)) == bytes)
    }

    @Test(
        "What isn't base64 is refused",
        arguments: ["Z", "Zg", "Zg=", "Zg===", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm_v", "=Zg="])
    func refused(text: String) {
        #expect(Base64.decode(Array(text.utf8)) == nil)
    }
}
