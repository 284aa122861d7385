import SANEngine
import SANModel
import Testing

@testable import SANBackendRBD

@Suite struct CephKeyTests {
    /// As `ceph auth print-key` prints one.
    static let printed = "AQBQ1iBpAAAAABAAmF3iYcSkZ9WmUPoXlJ1KqA=="

    private func text(of value: [UInt8]) throws -> String {
        let key = try CephKey(SecretBytes(value), of: .usage("ceph"))
        return key.text.withBytes { span in String(decoding: span.indices.map { span[$0] }, as: UTF8.self) }
    }

    @Test("a secret has the key's bytes, as libvirt's has, or the text that ceph prints")
    func bothForms() throws {
        let bytes = try #require(CephKey.decode(Array(Self.printed.utf8)))
        #expect(bytes.count == 28)
        #expect(try text(of: bytes) == Self.printed)
        #expect(try text(of: Array(Self.printed.utf8)) == Self.printed)
        #expect(try text(of: Array((Self.printed + "\n").utf8)) == Self.printed)
    }

    @Test(arguments: ["", "secret", "AAAA", "AQBQ1iBpAAAAABAAmF3iYcSkZ9WmUPoXlJ1KqA=", "====", "\u{0}\u{0}"])
    func refusesWhatIsNoKey(_ value: String) {
        #expect(throws: StorageError.self) { try CephKey(SecretBytes(value.utf8), of: .usage("ceph")) }
    }

    @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")])
    func encodesBase64(plain: String, encoded: String) {
        #expect(CephKey.encode(Array(plain.utf8)) == Array(encoded.utf8))
        #expect(CephKey.decode(Array(encoded.utf8)) == Array(plain.utf8))
    }
}
