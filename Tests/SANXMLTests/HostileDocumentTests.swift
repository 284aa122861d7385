import SANModel
import SANXML
import Testing

/// Whatever the bytes are, the answer is a refusal with a place, and soon.
@Suite(.timeLimit(.minutes(5))) struct HostileDocumentTests {
    private func refusal(
        of document: [UInt8], sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) -> StorageError? {
        let error = #expect(throws: StorageError.self, sourceLocation: sourceLocation) {
            try AnyXMLDocument(xml: document)
        }
        #expect(error?.code == .malformedDefinition, sourceLocation: sourceLocation)
        #expect(error?.location != nil, sourceLocation: sourceLocation)
        // The schema's check stands behind the same guard.
        let other = #expect(throws: StorageError.self, sourceLocation: sourceLocation) {
            try Schema.violations(in: document)
        }
        #expect(other?.message == error?.message, sourceLocation: sourceLocation)
        return error
    }

    private func refusal(
        of document: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) -> StorageError? {
        refusal(of: Array(document.utf8), sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        "<!DOCTYPE pool>\n<pool type='dir'/>",
        "<?xml version='1.0'?><!DOCTYPE pool SYSTEM 'file:///etc/passwd'><pool/>",
        "<!DOCTYPE pool [<!ENTITY x SYSTEM 'http://192.0.2.1/x'>]><pool><name>&x;</name></pool>",
        "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]><a>&b;&b;</a>",
    ])
    func aDoctypeIsRefusedAsSuch(document: String) {
        #expect(refusal(of: document)?.message.contains("DOCTYPE") == true)
    }

    @Test func aDoctypeInACommentIsNone() throws {
        let document = "<!-- <!DOCTYPE pool> --><pool type='dir'><name><![CDATA[<!DOCTYPE x>]]></name></pool>"
        guard case .pool(let pool) = try AnyXMLDocument(xml: Array(document.utf8)) else {
            Issue.record("not a pool")
            return
        }
        #expect(pool.name == "<!DOCTYPE x>")
    }

    @Test func anUndeclaredEntityIsRefused() {
        let error = refusal(of: "<pool type='dir'>\n  <name>&bomb;</name></pool>")
        #expect(error?.location?.line == 2)
    }

    @Test func aMillionLevelsAreRefused() {
        let count = 1_000_000
        let error = refusal(of: String(repeating: "<a>", count: count) + String(repeating: "</a>", count: count))
        #expect(error?.message.contains("64 levels") == true)
        #expect(error?.location == SANModel.SourceLocation(line: 1, column: 64 * 3 + 1))
    }

    @Test func levelsThatNobodyClosesAreRefused() {
        #expect(refusal(of: String(repeating: "<a>", count: 1_000_000))?.message.contains("64 levels") == true)
    }

    @Test func aHundredMegabytesAreRefusedUnread() {
        #expect(refusal(of: [UInt8](repeating: 0x20, count: 100_000_000))?.message.contains("16 MiB") == true)
    }

    @Test func aMillionAttributesAreRefused() {
        let attributes = (0..<1_000_000).reduce(into: "") { $0 += " a\($1)='>'" }
        #expect(refusal(of: "<pool\(attributes)/>")?.message.contains("1000000 attributes") == true)
    }

    @Test func aMillionElementsAreRefused() {
        let error = refusal(of: "<pool>" + String(repeating: "<a/>", count: 1_000_000) + "</pool>")
        #expect(error?.message.contains("over 250000 elements") == true)
    }

    @Test func thousandsOfNamespacesAreRefused() {
        let elements = (0..<2_000).reduce(into: "") { $0 += "<a xmlns:n\($1)='urn:x'/>" }
        #expect(refusal(of: "<pool>\(elements)</pool>")?.message.contains("namespace declarations") == true)
    }

    @Test func invalidUTF8IsRefusedWhereItStands() {
        let error = refusal(
            of: Array("<pool type='dir'>\n <name>ä".utf8) + [0xC3, 0x28] + Array("</name></pool>".utf8))
        #expect(error?.location == SANModel.SourceLocation(line: 2, column: 9))
        #expect(error?.message.contains("UTF-8") == true)
    }

    @Test(arguments: [
        [UInt8](), [0], [0xFF], Array("<".utf8), Array("<pool".utf8), Array("<pool>".utf8), [0x20, 0x0A],
    ])
    func remainsOfADocumentAreRefused(document: [UInt8]) {
        #expect(refusal(of: document) != nil)
    }

    @Test func aNULIsRefused() {
        let error = refusal(of: Array("<pool type='dir'>\n<name>a\u{0}b</name></pool>".utf8))
        #expect(error?.location == SANModel.SourceLocation(line: 2, column: 8))
    }

    @Test func otherEncodingsAreRefused() {
        #expect(refusal(of: [0xFF, 0xFE] + "<pool/>".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }) != nil)
        #expect(refusal(of: "<pool/>".utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }) != nil)
        #expect(refusal(of: "<?xml version='1.0' encoding='UTF-7'?><pool/>")?.message.contains("UTF-7") == true)
        #expect(
            refusal(of: "<?xml version='1.0' encoding=\"ISO-8859-1\"?><pool type='dir'><name>ä</name></pool>") != nil)
    }

    @Test(arguments: [
        "\u{FEFF}", "<?xml version='1.0' encoding='utf-8'?>", "<?xml version='1.0' encoding='ISO-8859-1'?>",
    ])
    func whatIsUTF8AllTheSameIsRead(start: String) throws {
        let pool = try PoolDefinition(xml: Array((start + "<pool type='dir'><name>a</name></pool>").utf8))
        #expect(pool.name == "a")
    }

    @Test(arguments: [
        ("<pool type='dir'>\n  <name>a</nam>\n</pool>", 2, 16),
        ("<pool type='dir'>\r\n  <name>ää</name></pool>x", 2, 25),
        ("<pool type='dir' type='dir'/>", 1, 28),
        ("<pool type='dir'><my:x/></pool>", 1, 23),
        ("<pool type=dir/>", 1, 12),
        ("<pool a='<'/>", 1, 10),
    ])
    func whatIsNotWellFormedIsRefusedWhereItStands(document: String, line: Int, column: Int) {
        let error = refusal(of: document)
        #expect(error?.location == SANModel.SourceLocation(line: line, column: column), "\(error?.message ?? "")")
    }

    /// In the places where libxml2's validator has most to do.
    @Test(arguments: ["host name='a'", "device path='a'", "freeExtent start='0'", "unknown"], [9_999, 100_000])
    func theSchemaIsCheckedInBoundedTime(element: String, count: Int) throws {
        let many = String(repeating: "<\(element)/>", count: count)
        let document =
            "<pool type='iscsi'><name>a</name><source>\(many)</source><target><path>/a</path></target></pool>"
        let violations = try Schema.violations(in: Array(document.utf8))
        #expect(!violations.isEmpty)
        #expect(violations.contains { $0.message.contains("10000 children") } == (count > 10_000))
    }

    @Test func manyForeignElementsSurvive() throws {
        let many = String(repeating: "<x:y xmlns:x='urn:x'/>", count: 900)
        let document = "<pool type='dir'><name>a</name><target><path>/a</path></target>\(many)</pool>"
        #expect(try Schema.violations(in: Array(document.utf8)) == [])
        #expect(try PoolDefinition(xml: Array(document.utf8)).foreign.elements.count == 900)
    }

    @Test func readersOnManyThreadsDoNotDisturbEachOther() async throws {
        let good = try Corpus.accept.bytes("volume-all-elements.xml")
        let bad = Array("<pool><name></pool>".utf8)
        let invalid = try Corpus.reject.bytes("unknown-element-in-pool.xml")
        let expected = try AnyXMLDocument(xml: good)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<64 {
                group.addTask {
                    switch number % 3 {
                    case 0: return try AnyXMLDocument(xml: good) == expected
                    case 1: return try Schema.violations(in: invalid).count == 1
                    default:
                        do {
                            _ = try AnyXMLDocument(xml: bad)
                            return false
                        } catch let error as StorageError {
                            return error.message.contains("mismatch")
                        }
                    }
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }
}
