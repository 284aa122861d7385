import SANModel
import SANXML
import Testing

/// What sanctl doesn't know survives in every element that it knows.
@Suite struct ForeignContentTests {
    private static let child = "<probe:p xmlns:probe='urn:probe'>it's</probe:p>"
    private static let printedChild = "<probe:p xmlns:probe='urn:probe'>it&apos;s</probe:p>"
    private static let plainChild = "<unknown-probe a='b'/>"
    private static let attribute = [" xmlns:probe='urn:probe'", " probe:a='1'"]

    private func canonicalDocuments() throws -> [(file: String, text: String)] {
        try Corpus.accept.files.filter { CorpusTests.acceptedBySchemaOnly[$0] == nil }.map { file in
            (file, try AnyXMLDocument(xml: Corpus.accept.bytes(file)).xml)
        }
    }

    /// Reads and prints; the printed text must print as itself.
    private func printed(_ document: String, _ file: String) throws -> String {
        let first = try AnyXMLDocument(xml: Array(document.utf8))
        let again = try AnyXMLDocument(xml: Array(first.xml.utf8))
        #expect(again == first, "\(file): \(document)")
        #expect(again.xml == first.xml, "\(file): \(document)")
        return first.xml
    }

    @Test(arguments: [(child, printedChild), (plainChild, plainChild)])
    func aChildSurvivesInEveryElement(probe: String, printedProbe: String) throws {
        var count = 0
        for (file, text) in try canonicalDocuments() {
            for element in CanonicalElement.all(in: text) {
                // libvirt refuses features of a volume that it doesn't know, and so do we.
                if probe == Self.plainChild, element.path.last == "features", element.path.first == "volume" {
                    continue
                }
                let document = element.holding(probe, in: text)
                let result = try printed(document, file)
                // At the end of its element, as it was put there; only lines may break elsewhere.
                #expect(
                    result.withoutSpace == element.holding(printedProbe, in: text).withoutSpace, "\(file): \(document)")
                count += 1
            }
        }
        #expect(count > 2_000)
    }

    @Test func anAttributeSurvivesInEveryElement() throws {
        for (file, text) in try canonicalDocuments() {
            for element in CanonicalElement.all(in: text) {
                let document = element.having(Self.attribute.joined(), in: text)
                var result = try printed(document, file)
                let place = CanonicalElement.all(in: result).first { $0.startTag(in: result).contains("probe:a=") }
                #expect(place?.path == element.path, "\(file): \(document)")
                for piece in Self.attribute {
                    #expect(result.components(splitBy: piece).count == 2, "\(file): \(result)")
                    result = result.components(splitBy: piece).joined()
                }
                #expect(result == text, "\(file): \(document)")
            }
        }
    }

    /// Elements that say nothing, which aren't printed, but for what they hold.
    @Test(arguments: [
        ("dir", "<features>|</features>"), ("dir", "<source><dir>|</dir></source>"), ("dir", "<uuid>|</uuid>"),
        ("dir", "<capacity>|</capacity>"), ("dir", "<target><path>|</path></target>"),
        ("dir", "<target><permissions>|</permissions></target>"),
        ("dir", "<target><permissions><owner>|</owner></permissions></target>"),
        ("iscsi-direct", "<source><initiator>|</initiator></source>"),
        ("iscsi-direct", "<source><initiator><iqn>|</iqn></initiator></source>"),
        ("disk", "<source><format>|</format></source>"), ("disk", "<source><vendor>|</vendor></source>"),
        ("disk", "<source><product>|</product></source>"), ("netfs", "<source><protocol>|</protocol></source>"),
        ("rbd", "<source><name>p</name></source><refresh>|</refresh>"),
        ("rbd", "<source><name>p</name></source><refresh><volume>|</volume></refresh>"),
        (
            "rbd",
            "<source><name>p</name></source><r:config_opts xmlns:r='http://libvirt.org/schemas/storagepool/rbd/1.0'>|</r:config_opts>"
        ),
        ("fs", "<f:mount_opts xmlns:f='http://libvirt.org/schemas/storagepool/fs/1.0'>|</f:mount_opts>"),
    ])
    func anElementWithNothingElseIsPrinted(type: String, contents: String) throws {
        let document = "<pool type='\(type)'><name>a</name>\(contents)</pool>"
        let empty = try printed(document.components(splitBy: "|").joined(), type)
        let result = try printed(document.components(splitBy: "|").joined(separator: Self.child), type)
        #expect(result != empty)
        #expect(result.components(splitBy: Self.printedChild).count == 2, "\(result)")
    }

    @Test(arguments: [
        "<secret><usage type='none'>|</usage></secret>", "<secret><uuid>|</uuid></secret>",
        "<device><driver>|</driver></device>", "<device><name>|</name></device>",
        "<volume><name>v</name><source>|</source></volume>", "<volume><name>v</name><key>|</key></volume>",
        "<volume><name>v</name><target><timestamps><btime>|</btime></timestamps></target></volume>",
        "<volume><name>v</name><backingStore><format>|</format></backingStore></volume>",
    ])
    func soItIsInOtherDocuments(document: String) throws {
        let result = try printed(document.components(splitBy: "|").joined(separator: Self.child), document)
        #expect(result.components(splitBy: Self.printedChild).count == 2, "\(result)")
    }

    @Test func optionsThatArePrintedAsOneKeepWhatIsInThem() throws {
        let document = """
            <pool type='netfs' xmlns:o='http://libvirt.org/schemas/storagepool/fs/1.0'>
              <name>a</name>
              <o:mount_opts><o:option name='ro'/><one/></o:mount_opts>
              <o:mount_opts><o:option name='nodev' xmlns:fs='urn:x' fs:a='1'/><two/></o:mount_opts>
            </pool>
            """
        let result = try printed(document, "mount_opts")
        #expect(
            result.hasSuffix(
                """
                  <fs:mount_opts>
                    <fs:option name='ro'/>
                    <fs:option name='nodev' xmlns:fs_='urn:x' fs_:a='1'/>
                    <one/>
                    <two/>
                  </fs:mount_opts>
                </pool>

                """), "\(result)")
    }

    /// Old documents have them inside the format.
    @Test func whatIsInAVendorMovesWithIt() throws {
        let format = "<format type='lvm2'><vendor name='v'><one/></vendor><two/></format>"
        let document = "<pool type='logical'><name>a</name><source>\(format)</source></pool>"
        let result = try printed(document, "vendor").withoutSpace
        #expect(result.contains("<formattype='lvm2'><two/></format><vendorname='v'><one/></vendor>"), "\(result)")
    }

    /// What libvirt ignores would end up in a file, and in every dump.
    @Test func aPasswordIsNotKept() throws {
        let auth = "<auth type='chap' username='u' passwd='hunter2'><secret usage='x'/></auth>"
        let document = "<pool type='iscsi'><name>a</name><source>\(auth)</source></pool>"
        #expect(try !printed(document, "auth").contains("hunter2"))
    }
}
