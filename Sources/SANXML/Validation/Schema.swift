internal import CLibXML2
public import SANModel

/// One way in which a document breaks its schema.
public struct SchemaViolation: Sendable, Hashable {
    public var location: SourceLocation
    public var message: String
    /// Whether the fault may be another one nearby.
    var isGuess = false

    public init(location: SourceLocation, message: String) {
        self.location = location
        self.message = message
    }
}

/// Our RELAX NG schemas.
public enum Schema {
    /// Every violation that can be told apart, in document order; none for a valid document.
    ///
    /// The schema is chosen by the root element. A violation may hide others: those show when it is mended.
    ///
    /// - Throws: `malformed_definition` for what isn't well-formed, and for an unknown root element.
    public static func violations(in xml: [UInt8]) throws(StorageError) -> [SchemaViolation] {
        let document = try ParsedDocument(parsing: xml)
        let root = try document.root()
        guard let grammar = grammar(forRoot: root.name.local) else {
            throw root.malformed(
                "There is no schema for <\(root.name.text.printable)>: documents are pool, volume, secret, device, encryption"
            )
        }
        let index = ElementIndex(root)
        if let crowded = index.firstElement(withMoreChildrenThan: maximumChildren) {
            let message = "The element has more than \(maximumChildren) children: that is too many to check"
            return [SchemaViolation(location: crowded, message: message)]
        }
        let complaints = try complaints(about: document, root: root, grammar: grammar)
        guard !complaints.isEmpty else { return [] }
        var violations = SchemaDiagnosis(index: index).violations(for: complaints)
        // Others have better words than libxml2 for what is wrong in the same place.
        var exact = try StrayContent(grammar: grammar).violations(in: root).prefix(maximumCount)
        do {
            _ = try AnyXMLDocument(root: root)
        } catch {
            if let location = error.location {
                exact.removeAll { $0.location == location }
                exact.append(SchemaViolation(location: location, message: error.message))
            }
        }
        // libxml2 stops at an element when one after it is wrong, and has only a guess about it.
        violations.removeAll { violation in
            exact.contains {
                index.areRelated($0.location, violation.location)
                    || (violation.isGuess && index.isNear($0.location, violation.location))
            }
        }
        return (violations + exact)
            .sorted { ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column) }
    }

    /// libxml2 takes the square of an element's children to check them: half a minute for 100,000 (2.9.14).
    private static let maximumChildren = 10_000

    /// What is enough for anybody: hostile documents have a fault in every element.
    static let maximumCount = 100

    /// The schema for documents of a root element.
    static func grammar(forRoot name: String) -> [UInt8]? {
        switch name {
        case PoolDefinition.rootElement: PackageResources.pool_rng
        case VolumeDefinition.rootElement: PackageResources.volume_rng
        case SecretDefinition.rootElement: PackageResources.secret_rng
        case NodeDeviceDefinition.rootElement: PackageResources.device_rng
        case EncryptionDefinition.rootElement: PackageResources.encryption_rng
        default: nil
        }
    }

    private static func complaints(
        about document: borrowing ParsedDocument, root: XMLElement, grammar: [UInt8]
    ) throws(StorageError) -> [SchemaComplaint] {
        let complaints = ComplaintList(bytes: document.bytes)
        let isValid = try unsafe document.withTree { (tree) throws(StorageError) in
            try unsafe validate(tree, against: grammar, complaints: complaints)
        }
        guard isValid || !complaints.all.isEmpty else {
            return [SchemaComplaint(code: XML_RELAXNG_ERR_CONTENTVALID, location: root.location, name: root.name.local)]
        }
        return isValid ? [] : complaints.all
    }

    private static func validate(
        _ tree: xmlDocPtr, against grammar: [UInt8], complaints: ComplaintList
    ) throws(StorageError) -> Bool {
        let failure = StorageError(.hostFailure, "The schema can't be loaded: free some memory and try again")
        libxml2SchemasAreReady
        let schema = unsafe grammar.withUnsafeBytes { buffer -> xmlRelaxNGPtr? in
            let text = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            guard let parser = unsafe xmlRelaxNGNewMemParserCtxt(text, Int32(buffer.count)) else { return nil }
            defer { unsafe xmlRelaxNGFreeParserCtxt(parser) }
            unsafe xmlRelaxNGSetParserStructuredErrors(parser, { _, _ in }, nil)
            return unsafe xmlRelaxNGParse(parser)
        }
        guard let schema = unsafe schema else { throw failure }
        defer { unsafe xmlRelaxNGFree(schema) }
        guard let context = unsafe xmlRelaxNGNewValidCtxt(schema) else { throw failure }
        defer { unsafe xmlRelaxNGFreeValidCtxt(context) }
        return withExtendedLifetime(complaints) {
            unsafe xmlRelaxNGSetValidStructuredErrors(
                context,
                { list, error in
                    guard let list = unsafe list, let error = unsafe error?.pointee else { return }
                    unsafe Unmanaged<ComplaintList>.fromOpaque(list).takeUnretainedValue().add(error)
                },
                Unmanaged.passUnretained(complaints).toOpaque())
            return unsafe xmlRelaxNGValidateDoc(context, tree) == 0
        }
    }
}

/// What libxml2 says while it validates one document.
private final class ComplaintList {
    private(set) var all: [SchemaComplaint] = []
    private var positions: ElementPositions

    init(bytes: [UInt8]) {
        positions = ElementPositions(bytes)
    }

    func add(_ error: xmlError) {
        guard all.count < Schema.maximumCount else { return }
        let node = unsafe error.node?.assumingMemoryBound(to: xmlNode.self)
        unsafe all.append(
            SchemaComplaint(
                code: xmlRelaxNGValidErr(rawValue: UInt32(bitPattern: error.code)),
                location: node.map { unsafe positions.location(of: $0) },
                name: error.str1.map { unsafe String(cString: $0) } ?? "",
                element: error.str2.map { unsafe String(cString: $0) } ?? ""))
    }
}
