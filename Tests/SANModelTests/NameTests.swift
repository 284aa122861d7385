import SANModel
import Testing

@Suite struct NameTests {
    @Test(arguments: [
        "iqn.2013-06.com.example:iscsi-pool", "iqn.1994-12.org",
        "iqn.2001-01.com.a-b.c:x:y z?".replacing(" ", with: "_"),
    ])
    func qualifiedNames(text: String) throws {
        #expect(try IQN(text).description == text)
    }

    @Test(arguments: [
        "", "iqn.", "iqn.2013-13.com.example", "iqn.2013-00.com", "iqn.213-06.com", "iqn.2013-06.", "iqn.2013-06.com_x",
        "iqn.2013-06.com:", "eui.02004567a425678d", "iqn.2013-06.com:a\nb", "iqn.2013-06.com:../x",
        "iqn.2013-06.com:" + String(repeating: "x", count: 220),
    ])
    func refusesOtherNames(text: String) {
        #expect(!IQN.isQualifiedName(text))
    }

    @Test(arguments: [
        ("20000000c9831b4b", "20000000c9831b4b"), ("0x20000000C9831B4B", "20000000c9831b4b"),
        ("0000000000000001", "0000000000000001"),
    ])
    func worldWideNamesAreNormalised(text: String, printed: String) {
        #expect(WWN(text)?.description == printed)
    }

    @Test(arguments: [
        "", "2000", "20:00:00:00:c9:83:1b:4b", "20000000c9831b4", "0x", "20000000c9831b4bb", "2000000٠c9831b4b",
    ])
    func refusesOtherWorldWideNames(text: String) {
        #expect(WWN(text) == nil)
    }

    @Test func uuids() {
        let text = "3e3fce45-4f53-4fa7-bb32-11f34168b82b"
        #expect(StorageUUID(text)?.description == text)
        #expect(StorageUUID(text.uppercased().replacing("-", with: ""))?.description == text)
        for wrong in [
            "", "3e3fce45", text + "0", text.replacing("e", with: "g"), "3e3fce454f53-4fa7-bb32-11f3-4168b82b",
        ] {
            #expect(StorageUUID(wrong) == nil)
        }
        let random = StorageUUID.random().description
        #expect(random.dropFirst(14).first == "4")
        #expect("89ab".contains(random.dropFirst(19).prefix(1)))
        #expect(StorageUUID.random() != StorageUUID.random())
    }

    @Test func pciAddresses() {
        #expect(PCIAddress("0000:00:1f.2")?.description == "0000:00:1f.2")
        #expect(PCIAddress("0000:00:1f:2")?.function == 2)
        #expect(PCIAddress("10000:ff:1f.7")?.domain == 0x10000)
        for wrong in ["0000:00:20.0", "0000:00:1f.8", "00:1f.2", "0000:100:00.0", ""] {
            #expect(PCIAddress(wrong) == nil)
        }
    }

    @Test(arguments: [
        ("1341933637.273190990", "1341933637.273190990"), ("1341933637", "1341933637"), ("5.", "5"),
        ("5.5", "5.500000000"), ("5.000000001", "5.000000001"),
    ])
    func timestamps(text: String, printed: String) {
        #expect(Timestamp(text)?.description == printed)
    }

    @Test func hostileTextIsMadePrintable() {
        #expect("a\u{1B}[2Jb\n\u{202E}c".printable == #"a\u{1B}[2Jb\n\u{202E}c"#)
        #expect(String(repeating: "x", count: 500).printable.count == 201)
        #expect(String(repeating: "x", count: 200).printable.count == 200)
        #expect("a\u{7F}".printable == #"a\u{7F}"#)
        #expect("ä ~".printable == "ä ~")
    }
}
