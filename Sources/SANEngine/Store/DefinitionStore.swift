import SANHost
import SANModel
import SANXML
import SystemPackage

/// A document that is stored under its own name.
protocol StorableDocument: XMLDocument, Hashable {
    /// How messages call what it defines.
    static var noun: String { get }
    static var subject: StorageError.Subject.Kind { get }
    var storedName: String? { get }
}

extension PoolDefinition: StorableDocument {
    static var noun: String { "pool" }
    static var subject: StorageError.Subject.Kind { .pool }
    var storedName: String? { name }
}

/// The stored definitions, `<config>/storage/NAME.xml`, and the links that mark what they define for autostart.
struct DefinitionStore<Document: StorableDocument>: Sendable {
    let folder: FilePath
    /// Ends a write between two steps, for tests.
    var checkpoint: AtomicFile.Checkpoint = { _ in }

    private static var suffix: String { ".xml" }
    /// The longest document that is read or written: the XML reader takes no more.
    private static var limit: Int { 16 << 20 }

    private var autostart: FilePath { folder.appending("autostart") }

    /// The names of all stored documents, also of those that don't parse.
    func names() throws(StorageError) -> [String] {
        try LocalFolder(folder).names().filter { $0.hasSuffix(Self.suffix) && $0 != Self.suffix }
            .map { String($0.dropLast(Self.suffix.count)) }
    }

    /// - Returns: nil where there is none; a file that can't be read or parsed, or that has another name, is broken.
    func load(_ name: String) throws(StorageError) -> StoredDefinition<Document>? {
        let bytes: [UInt8]
        do throws(StorageError) {
            guard let found = try LocalFile(path(of: name)).readIfPresent(limit: Self.limit) else { return nil }
            bytes = found
        } catch {
            return .broken(error.about(Document.subject, name.printable))
        }
        do throws(StorageError) {
            let definition = try Document(xml: bytes)
            guard definition.storedName == name else {
                return .broken(
                    StorageError(
                        .malformedDefinition,
                        "The file's \(Document.noun) is named '\((definition.storedName ?? "").printable)', which isn't the file's name",
                        subject: subject(name)))
            }
            return .definition(definition)
        } catch {
            return .broken(
                error.about(Document.subject, name.printable).about(.path, path(of: name).string.printable))
        }
    }

    /// The very bytes of the file; nil where there is none.
    func bytes(of name: String) throws(StorageError) -> [UInt8]? {
        do throws(StorageError) {
            return try LocalFile(path(of: name)).readIfPresent(limit: Self.limit)
        } catch {
            throw error.about(Document.subject, name.printable)
        }
    }

    /// Writes a definition; the old or the new one is there at any moment.
    ///
    /// - Throws: `invalid_argument` for one that couldn't be read again.
    func save(_ definition: Document) throws(StorageError) {
        let name = definition.storedName ?? ""
        let bytes = Array(definition.xml.utf8)
        guard bytes.count <= Self.limit else {
            throw StorageError(
                .invalidArgument, "The definition has \(bytes.count) bytes; \(Self.limit) is the most",
                subject: subject(name))
        }
        try LocalFolder(folder).create()
        try AtomicFile.removeLeftovers(in: LocalFolder(folder))
        try AtomicFile(path(of: name), checkpoint: checkpoint).write(bytes)
    }

    /// Removes the definition and its autostart link.
    func remove(_ name: String) throws(StorageError) {
        // First the link: one that leads nowhere would be reported at each boot.
        try LocalFile(link(of: name)).remove()
        try LocalFile(path(of: name)).remove()
    }

    func isAutostarted(_ name: String) throws(StorageError) -> Bool {
        try LocalFile(link(of: name)).status() != nil
    }

    /// The names of all that are marked, also of those that aren't stored any more.
    func autostarted() throws(StorageError) -> [String] {
        try LocalFolder(autostart).names().filter { $0.hasSuffix(Self.suffix) && $0 != Self.suffix }
            .map { String($0.dropLast(Self.suffix.count)) }
    }

    func setAutostart(_ name: String, to isOn: Bool) throws(StorageError) {
        guard isOn else {
            try LocalFile(link(of: name)).remove()
            return
        }
        try LocalFolder(autostart).create()
        try LocalFile(link(of: name)).link(to: "../" + name + Self.suffix)
    }

    private func path(of name: String) -> FilePath { folder.appending(name + Self.suffix) }
    private func link(of name: String) -> FilePath { autostart.appending(name + Self.suffix) }

    private func subject(_ name: String) -> StorageError.Subject {
        StorageError.Subject([Document.subject: name.printable, .path: path(of: name).string.printable])
    }
}

/// What a definition's file holds.
enum StoredDefinition<Document: StorableDocument>: Sendable {
    case definition(Document)
    /// Why it can't be used; it is reported, never skipped and never overwritten.
    case broken(StorageError)

    var definition: Document? {
        if case .definition(let definition) = self { definition } else { nil }
    }

    var error: StorageError? {
        if case .broken(let error) = self { error } else { nil }
    }
}
