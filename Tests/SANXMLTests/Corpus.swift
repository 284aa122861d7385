import FoundationEssentials

/// The documents that tests read: see `Corpus/README.md`.
enum Corpus: String {
    /// What our schemas accept.
    case accept
    /// What our schemas refuse.
    case reject
    /// What our schemas refuse, and the reader reads.
    case readable
    /// What libvirt prints.
    case libvirt
    /// What the fuzzer finds interesting.
    case fuzz

    private var folder: String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus/\(rawValue)").path
    }

    /// The names of the files, sorted.
    var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0 != "README.md" }.sorted() }
    }

    func bytes(_ file: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(file)")))
    }
}
