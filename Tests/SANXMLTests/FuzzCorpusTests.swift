import Testing

@Suite struct FuzzCorpusTests {
    /// What the fuzzer asserts holds for what it once found, and for the corpora that it starts from.
    @Test(arguments: [Corpus.fuzz, .accept, .reject, .readable, .libvirt])
    func noDocumentFindsAFault(corpus: Corpus) throws {
        let files = try corpus.files
        #expect(!files.isEmpty)
        for file in files {
            #expect(try XMLRobustness.fault(in: corpus.bytes(file)) == nil, "\(file)")
        }
    }
}
