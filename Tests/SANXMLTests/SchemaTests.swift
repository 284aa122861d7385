import SANModel
import SANXML
import Testing

@Suite struct SchemaTests {
    @Test func everyAcceptedDocumentIsValid() throws {
        for file in try Corpus.accept.files {
            #expect(try Schema.violations(in: Corpus.accept.bytes(file)) == [], "\(file)")
        }
    }

    @Test func whatLibvirtPrintsIsValid() throws {
        for file in try Corpus.libvirt.files where !Self.invalidForLibvirtToo.contains(file) {
            #expect(try Schema.violations(in: Corpus.libvirt.bytes(file)) == [], "\(file)")
        }
    }

    /// Names of hosts that no schema takes, which libvirt prints all the same.
    static let invalidForLibvirtToo: Set<String> = ["pool-escapes.xml"]

    @Test func everyRefusedDocumentHasViolationsInOrder() throws {
        let files = try Corpus.reject.files
        #expect(files.count > 100)
        for file in files {
            let violations = try Schema.violations(in: Corpus.reject.bytes(file))
            #expect(!violations.isEmpty, "\(file)")
            let places = violations.map { [$0.location.line, $0.location.column] }
            #expect(places == places.sorted { $0.lexicographicallyPrecedes($1) }, "\(file)")
            #expect(violations.allSatisfy { !$0.message.isEmpty && !$0.message.contains("\n") }, "\(file)")
        }
    }

    @Test func theReaderRefusesItsPartOfThem() throws {
        let files = try Corpus.reject.files
        #expect(refusedByReader.isSubset(of: files))
        for file in files {
            do {
                _ = try AnyXMLDocument(xml: Corpus.reject.bytes(file))
                #expect(!refusedByReader.contains(file), "\(file) is read")
            } catch let error as StorageError {
                #expect(refusedByReader.contains(file), "\(file):\(error.location?.description ?? ""): \(error)")
                #expect(error.code == .malformedDefinition && error.location != nil, "\(file)")
            }
        }
    }

    @Test(arguments: [
        ("capacity-unit-foo.xml", "3:3", "Unknown size unit 'foo'"),
        ("unknown-element-in-pool.xml", "3:3", "<autostart> isn't known"),
        ("pool-text-between-elements.xml", "1:1", "between its elements"),
        ("fs-without-target.xml", "1:1", "has no <target>"),
        ("refresh-on-iscsi.xml", "10:3", "<refresh> can't be in <pool>"),
        ("scsi-two-adapters.xml", "5:5", "<adapter> is there 2 times"),
        ("pool-unknown-attribute.xml", "1:1", "Attribute 'autostart' of <pool>"),
        ("target-path-relative.xml", "4:5", "<path> can't hold 'var/lib/libvirt/images'"),
        ("volume-type-ploop.xml", "1:1", "'ploop': file, block, dir, network, netdir are allowed"),
        ("volume-without-target.xml", "1:1", "<volume> has no <target>: add one"),
        ("iscsi-initiator-without-iqn.xml", "6:5", "<initiator> has no <iqn>"),
        ("mpath-source-with-device.xml", "4:5", "<device> can't be in <source>: remove it"),
        ("gluster-with-target.xml", "14:3", "<target> can't be in <pool> of type 'gluster'"),
        ("duplicate-volume-capacity.xml", "4:3", "<capacity> is there 2 times in <volume>: leave one"),
        ("host-name-with-underscore.xml", "4:5", "Attribute 'name' of <host> can't be 'iscsi_1.example.com'"),
        ("iscsi-direct-device-eui.xml", "5:5", "Attribute 'path' of <device> can't be 'eui.02004567A425678D'"),
        ("device-remote-port-without-wwpn.xml", "3:5", "<capability> has no <wwpn>"),
        ("encryption-ivgen-without-name.xml", "4:3", "<ivgen> has no name"),
        ("secret-usage-vtpm-with-slash.xml", "3:5", "<name> can't hold"),
        ("auth-without-type.xml", "6:5", "add type='chap' or type='ceph'"),
        ("netfs-without-dir.xml", "3:3", "lacks something that it needs"),
        ("auth-with-password.xml", "6:5", "Attribute 'passwd' of <auth> isn't known"),
    ])
    func aViolationSaysWhereAndWhat(file: String, location: String, words: String) throws {
        let violations = try Schema.violations(in: Corpus.reject.bytes(file))
        #expect(violations.map(\.location.description) == [location], "\(violations)")
        #expect(violations.first?.message.contains(words) == true, "\(violations)")
    }

    @Test(arguments: [
        "<pool type='iscsi'><name>a</name><source><auth type='x' password='hunter2'>hunter2</auth></source></pool>",
        "<secret><usage type='volume' key='hunter2'><volume>hunter2</volume></usage></secret>",
        "<secret>hunter2</secret>", "<secret>hunter2<uuid/></secret>",
        "<encryption format='luks'><secret>hunter2</secret></encryption>",
        "<encryption format='luks'><secret type='passphrase' passphrase='hunter2'/></encryption>",
    ])
    func noMessageShowsWhatMayBeASecret(document: String) throws {
        let violations = try Schema.violations(in: Array(document.utf8))
        #expect(!violations.isEmpty)
        #expect(violations.allSatisfy { !$0.message.contains("hunter2") }, "\(violations)")
    }

    @Test func anUnknownRootElementHasNoSchema() throws {
        let error = #expect(throws: StorageError.self) { try Schema.violations(in: Array("<domain/>".utf8)) }
        #expect(error?.code == .malformedDefinition)
        #expect(error?.location == SourceLocation(line: 1, column: 1))
    }

    @Test func severalFaultsAreAllReported() throws {
        let document = """
            <pool type='dir'>
              <name>a/b</name>
              <colour>red</colour>
              <target>
                <path>/srv</path>
                <size>1</size>
              </target>
            </pool>
            """
        let violations = try Schema.violations(in: Array(document.utf8))
        #expect(violations.map(\.location.description) == ["2:3", "3:3", "6:5"], "\(violations)")
    }
}
