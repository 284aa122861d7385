import SANModel
import SANXML
import Testing

@Suite struct CorpusTests {
    /// Valid by the schema, which looks at form only, and refused by the reader, as by libvirt's.
    static let acceptedBySchemaOnly = [
        "fc-host-parent-wwnn-without-parent-wwpn.xml": "only one of parent_wwnn and parent_wwpn",
        "features-cow-on-rbd.xml": "for 'dir' and 'fs' pools only",
        "netfs-protocol-ver-with-comma.xml": "holds a ','",
    ]

    @Test func everyAcceptedDocumentIsRead() throws {
        let files = try Corpus.accept.files
        #expect(files.count > 200)
        for file in files where Self.acceptedBySchemaOnly[file] == nil {
            do {
                _ = try AnyXMLDocument(xml: Corpus.accept.bytes(file))
            } catch let error as StorageError {
                Issue.record("\(file):\(error.location?.description ?? ""): \(error)")
            }
        }
    }

    @Test(arguments: acceptedBySchemaOnly.keys.sorted())
    func whatTheSchemaCannotSeeIsRefusedByTheReader(file: String) throws {
        let error = #expect(throws: StorageError.self) { try AnyXMLDocument(xml: Corpus.accept.bytes(file)) }
        #expect(error?.code == .malformedDefinition)
        #expect(error?.location != nil)
        #expect(error?.message.contains(Self.acceptedBySchemaOnly[file] ?? "-") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [Corpus.accept, .libvirt, .readable])
    func printingAndReadingAgainGivesTheSame(corpus: Corpus) throws {
        for file in try corpus.files where Self.acceptedBySchemaOnly[file] == nil {
            let first = try AnyXMLDocument(xml: corpus.bytes(file))
            let second = try AnyXMLDocument(xml: Array(first.xml.utf8))
            #expect(first == second, "\(file)")
            #expect(first.xml == second.xml, "\(file)")
            #expect(first.xml.hasSuffix(">\n"), "\(file)")
        }
    }

    /// Older than the schema, or beyond it, and read all the same.
    @Test func readableDocumentsAreReadAndDoNotValidate() throws {
        let files = try Corpus.readable.files
        #expect(!files.isEmpty)
        for file in files {
            _ = try AnyXMLDocument(xml: Corpus.readable.bytes(file))
            #expect(try !Schema.violations(in: Corpus.readable.bytes(file)).isEmpty, "\(file)")
        }
    }

    /// What we print in another way than libvirt, on purpose: its text and ours.
    static let printedOtherwise = [
        "both-spellings-auth-secret-type-ceph.xml": ("<secret type='ceph' ", "<secret "),
        "both-spellings-auth-secret-type-chap.xml": ("<secret type='chap' ", "<secret "),
        "both-spellings-auth-secret-type-iscsi.xml": ("<secret type='iscsi' ", "<secret "),
        "seed-pool-source-iscsi-secret-type-1.2.1.xml": ("<secret type='iscsi' ", "<secret "),
        "fc-host-wwn-upper-case.xml": (
            "wwnn='20000000C9831B4B' wwpn='10000000C9831B4B'", "wwnn='20000000c9831b4b' wwpn='10000000c9831b4b'"
        ),
        "fc-host-wwn-with-0x.xml": (
            "wwnn='0x20000000c9831b4b' wwpn='0x10000000c9831b4b'", "wwnn='20000000c9831b4b' wwpn='10000000c9831b4b'"
        ),
        "pool-iscsi-host-port-minus-one.xml": (" port='-1'", ""),
    ]

    /// `sanctl xml format` of what virsh dumps changes nothing.
    @Test func dumpsOfLibvirtArePrintedByteForByte() throws {
        let files = try Corpus.libvirt.files
        #expect(files.count > 100)
        for file in files {
            let dump = try Corpus.libvirt.bytes(file)
            var expected = String(decoding: dump, as: UTF8.self)
            if let (theirs, ours) = Self.printedOtherwise[file] {
                let parts = expected.split(separator: theirs, omittingEmptySubsequences: false)
                #expect(parts.count == 2, "\(file)")
                expected = parts.joined(separator: ours)
            }
            #expect(try AnyXMLDocument(xml: dump).xml == expected, "\(file)")
        }
    }
}
