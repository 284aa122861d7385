import SANModel
import SANXML
import Testing

@Suite struct PoolReadingTests {
    private func pool(_ type: String, _ contents: String) throws(StorageError) -> PoolDefinition {
        try PoolDefinition(xml: Array("<pool type='\(type)'>\(contents)</pool>".utf8))
    }

    private func source(_ type: PoolType, _ contents: String) throws(StorageError) -> PoolSource {
        try PoolSource(xml: Array("<source>\(contents)</source>".utf8), type: type)
    }

    private func adapter(_ text: String) throws(StorageError) -> PoolSource.Adapter? {
        try source(.scsi, text).adapter
    }

    @Test(arguments: [PoolType.logical, .gluster, .zfs, .vstorage, .sheepdog])
    func poolAndSourceNameDefaultToEachOther(type: PoolType) throws {
        let fromSource = try pool(type.rawValue, "<source><name>vg</name></source>")
        #expect(fromSource.name == "vg")
        let fromPool = try pool(type.rawValue, "<name>vg</name>")
        #expect(fromPool.source.name == "vg")
    }

    @Test func anRBDPoolNeedsTheNameOfItsSource() throws {
        #expect(throws: StorageError.self) { try pool("rbd", "<name>a</name><source><host name='h'/></source>") }
        let named = try pool("rbd", "<source><name>images</name></source>")
        #expect(named.name == "images")
    }

    @Test func optionsAreKnownByNamespaceAndNotByPrefix() throws {
        let document = """
            <pool type='rbd' xmlns:o='http://libvirt.org/schemas/storagepool/rbd/1.0' xmlns:rbd='urn:mine' rbd:a='1'>
              <name>a</name><source><name>p</name></source>
              <o:config_opts><o:option name='k' value='v &amp; w'/></o:config_opts><rbd:config_opts/>
            </pool>
            """
        let pool = try PoolDefinition(xml: Array(document.utf8))
        #expect(pool.configOptions == [.init(name: "k", value: "v & w")])
        #expect(pool.foreign.elements == ["<rbd:config_opts xmlns:rbd='urn:mine'/>"])
        #expect(pool.foreign.attributes.map(\.namespace) == ["urn:mine"])
        #expect(try PoolDefinition(xml: Array(pool.xml.utf8)) == pool)
    }

    @Test func mountOptionsOfAnotherTypeOfPoolAreKept() throws {
        let document = """
            <pool type='iscsi' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'>
              <name>a</name><fs:mount_opts><fs:option name='ro'/></fs:mount_opts>
            </pool>
            """
        let pool = try PoolDefinition(xml: Array(document.utf8))
        #expect(pool.mountOptions.isEmpty)
        #expect(pool.foreign.elements.count == 1)
        #expect(try PoolDefinition(xml: Array(pool.xml.utf8)) == pool)
    }

    @Test func foreignContentKeepsItsTextAndGetsItsNamespaces() throws {
        let document = """
            <pool type='dir' xmlns:m='urn:m' xmlns:unused='urn:u' m:a='x"&lt;&#10;y' plain='kept'>
              <name>a</name>
              <m:b m:c="1"><!-- gone -->
                 <inner xmlns='urn:d' xml:lang='en'>it's &amp; so<![CDATA[ <on> ]]></inner>
              </m:b>
              <unknown/>
            </pool>
            """
        let pool = try PoolDefinition(xml: Array(document.utf8))
        #expect(
            pool.foreign.elements == [
                "<m:b xmlns:m='urn:m' m:c='1'>\n     <inner xmlns='urn:d' xml:lang='en'>it&apos;s &amp; so &lt;on&gt; "
                    + "</inner>\n  </m:b>", "<unknown/>",
            ])
        #expect(
            pool.foreign.attributes == [
                .init(prefix: "m", namespace: "urn:m", name: "a", value: "x\"<\ny"),
                .init(prefix: "", namespace: "", name: "plain", value: "kept"),
            ])
        #expect(try PoolDefinition(xml: Array(pool.xml.utf8)) == pool)
    }

    /// libxml2 2.9.14 leaves `&#38;` in namespaces unless it is told to replace entities.
    @Test func anAmpersandInANamespaceIsRead() throws {
        let pool = try pool("dir", "<name>a</name><m:b xmlns:m='urn:a&amp;b'/>")
        #expect(pool.foreign.elements == ["<m:b xmlns:m='urn:a&amp;b'/>"])
    }

    @Test func bothSpellingsOfAFunctionAreRead() throws {
        let address = PCIAddress("0000:00:1f.2")
        for name in ["function", "addr"] {
            let text = "<parentaddr unique_id='0'><address domain='0' bus='0x0' slot='31' \(name)='0x2'/></parentaddr>"
            let read = try adapter("<adapter type='scsi_host'>\(text)</adapter>")
            #expect(read == address.map { .parentAddress($0, uniqueID: 0) })
        }
    }

    @Test(arguments: [
        ("<adapter/>", "says no host"),
        ("<adapter name='host1'><parentaddr/></adapter>", "both a name and a <parentaddr>"),
        ("<adapter wwnn='20000000c9831b4b'/>", "needs a type"),
        ("<adapter type='fc_host' wwnn='20000000c9831b4b'/>", "both wwnn and wwpn"),
        ("<adapter type='usb'/>", "scsi_host, fc_host"),
        ("<adapter><parentaddr/></adapter>", "no PCI address"),
        ("<adapter><parentaddr><address/></parentaddr></adapter>", "no HBA's"),
        ("<adapter><parentaddr><address slot='010'/></parentaddr></adapter>", "slot"),
        ("<adapter><parentaddr><address slot='1' function='1' addr='2'/></parentaddr></adapter>", "they differ"),
    ])
    func anAdapterThatMakesNoSenseIsRefused(text: String, words: String) {
        let error = #expect(throws: StorageError.self) { try adapter(text) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(error?.location?.line == 1)
    }

    @Test(arguments: [("0", nil), ("-1", nil), ("1", 1), ("65535", 65535)] as [(String, UInt16?)])
    func aPortThatIsNotGivenIsNil(text: String, port: UInt16?) throws {
        let source = try source(.iscsi, "<host name='h' port='\(text)'/>")
        #expect(source.hosts == [.init(name: "h", port: port)])
    }

    @Test(arguments: ["65536", "x", "-2", "+1", " "])
    func otherPortsAreRefused(text: String) {
        #expect(throws: StorageError.self) { try source(.iscsi, "<host name='h' port='\(text)'/>") }
    }

    @Test func theOldNameOfCHAPIsRead() throws {
        let text = "<auth type='iscsi' username='u'><secret type='iscsi' usage='x'/></auth>"
        #expect(
            try source(.iscsi, text).authentication == .init(kind: .chap, username: "u", secret: .usage("x")))
    }

    @Test(arguments: ["2 EiB", "18446744073709551615 B"])
    func theLargestSizesAreRead(text: String) throws {
        let parts = text.split(separator: " ")
        let size = try pool("dir", "<name>a</name><capacity unit='\(parts[1])'>\(parts[0])</capacity>").capacity
        #expect(try size == ByteCount(count: String(parts[0]), unit: String(parts[1])))
    }

    @Test(arguments: [("16", "EiB"), ("18446744073709551616", "B"), ("-1", "B"), ("1.5", "G"), ("1", "XB")])
    func sizesThatDoNotFitAreRefused(count: String, unit: String) {
        let error = #expect(throws: StorageError.self) {
            try pool("dir", "<name>a</name>\n<capacity unit='\(unit)'>\(count)</capacity>")
        }
        #expect(error?.location == SANModel.SourceLocation(line: 2, column: 1))
        #expect(error?.subject == .pool("a"))
    }

    @Test func permissionsThatLeaveEverythingAloneAreNone() throws {
        let text = "<permissions><owner>-1</owner><group> -1 </group></permissions>"
        #expect(try pool("dir", "<name>a</name><target>\(text)</target>").target?.permissions == nil)
    }

    @Test func messagesHoldNoControlCharacters() {
        let error = #expect(throws: StorageError.self) { try pool("dir", "<name>a/\u{9B}31m&#10;</name>") }
        #expect(
            error?.message.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) } == true)
    }

    @Test func findSourcesPrintsWhatLibvirtDoes() throws {
        var first = PoolSource()
        first.hosts = [.init(name: "192.0.2.1", port: 3260)]
        first.devices = [.init(path: "iqn.2013-06.com.example:a")]
        #expect(
            PoolSource.xml(of: [first], type: .iscsi) == """
                <sources>
                  <source>
                    <host name='192.0.2.1' port='3260'/>
                    <device path='iqn.2013-06.com.example:a'/>
                  </source>
                </sources>

                """)
        #expect(try PoolSource(xml: Array(first.xml.utf8), type: .iscsi) == first)
    }

    @Test func whatXMLCannotHoldIsReplaced() throws {
        var pool = PoolDefinition(type: .directory, name: "a\u{1}b\u{FFFE}c")
        pool.source.vendor = "tab\tline\nreturn\r"
        let read = try PoolDefinition(xml: Array(pool.xml.utf8))
        #expect(read.name == "a\u{FFFD}b\u{FFFD}c")
        #expect(read.source.vendor == pool.source.vendor)
    }
}
