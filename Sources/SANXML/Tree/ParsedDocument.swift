internal import CLibXML2
import SANModel

/// A document in libxml2's tree, each element knowing where it stands; freed with the value.
///
/// libxml2 gets memory only: no network, no files, no DTD, no entity but the five of XML and character references.
@safe struct ParsedDocument: ~Copyable {
    let bytes: [UInt8]
    private let tree: xmlDocPtr

    deinit {
        unsafe xmlFreeDoc(tree)
    }

    /// - Throws: `malformed_definition` with line and column.
    init(parsing document: [UInt8]) throws(StorageError) {
        let bytes = try DocumentScan.checked(document)
        libxml2IsReady
        guard let context = unsafe xmlNewParserCtxt() else { throw ParsedDocument.outOfMemory }
        defer { unsafe xmlFreeParserCtxt(context) }
        let failure = FirstFailure()
        let tree: xmlDocPtr? = unsafe withExtendedLifetime(failure) {
            unsafe ParsedDocument.observe(context, recordingInto: failure)
            return unsafe ParsedDocument.read(bytes, with: context)
        }
        if let position = failure.position {
            unsafe xmlFreeDoc(tree)
            throw StorageError(
                .malformedDefinition, "The document isn't well-formed XML: \(failure.message)",
                location: LocationCursor.location(of: position, in: bytes))
        }
        guard let tree = unsafe tree else { throw ParsedDocument.outOfMemory }
        unsafe self.tree = unsafe tree
        self.bytes = bytes
    }

    /// Calls back with libxml2's tree, which must not outlive the call.
    func withTree<Result>(_ body: (xmlDocPtr) throws(StorageError) -> Result) throws(StorageError) -> Result {
        try unsafe body(tree)
    }

    private static var outOfMemory: StorageError {
        StorageError(.hostFailure, "There isn't memory enough to read the document: free some and try again")
    }

    /// Tree building as usual, and in addition positions and the first error.
    private static func observe(_ context: xmlParserCtxtPtr, recordingInto failure: FirstFailure) {
        unsafe context.pointee._private = Unmanaged.passUnretained(failure).toOpaque()
        guard let sax = unsafe context.pointee.sax else { return }
        unsafe sax.pointee.startElementNs = { context, name, prefix, uri, spaces, space, count, defaulted, attributes in
            unsafe xmlSAX2StartElementNs(
                context, name, prefix, uri, spaces, space, count, defaulted, attributes)
            guard let parser = unsafe context?.assumingMemoryBound(to: xmlParserCtxt.self),
                let node = unsafe parser.pointee.node
            else { return }
            unsafe node.pointee._private = UnsafeMutableRawPointer(bitPattern: parser.position)
        }
        unsafe sax.pointee.serror = { context, error in
            guard let parser = unsafe context?.assumingMemoryBound(to: xmlParserCtxt.self),
                let error = unsafe error?.pointee, unsafe error.level.rawValue >= XML_ERR_ERROR.rawValue,
                let failure = unsafe parser.pointee._private
            else { return }
            let message = unsafe error.message.map { unsafe String(cString: $0) } ?? ""
            unsafe Unmanaged<FirstFailure>.fromOpaque(failure).takeUnretainedValue()
                .record(message, at: parser.position)
        }
    }

    private static func read(_ bytes: [UInt8], with context: xmlParserCtxtPtr) -> xmlDocPtr? {
        // NOENT: there are no entities but the five, and without it a namespace holds "&#38;" for its '&' (2.9.14).
        let options =
            XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
            | XML_PARSE_NOCDATA.rawValue | XML_PARSE_NOENT.rawValue | XML_PARSE_IGNORE_ENC.rawValue
        return unsafe bytes.withUnsafeBytes { buffer in
            unsafe xmlCtxtReadMemory(
                context, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count), nil, nil,
                Int32(options))
        }
    }
}

extension UnsafeMutablePointer<xmlParserCtxt> {
    /// How many bytes of the document libxml2 has read.
    fileprivate var position: Int {
        guard let input = unsafe pointee.input, let base = unsafe input.pointee.base,
            let current = unsafe input.pointee.cur
        else { return 0 }
        return unsafe Int(input.pointee.consumed) + (current - base)
    }
}

/// The first error of one parse; libxml2 goes on after it and reports what follows from it.
private final class FirstFailure {
    private(set) var message = ""
    private(set) var position: Int?

    func record(_ message: String, at position: Int) {
        guard self.position == nil else { return }
        self.message = message.withoutSurroundingSpace.printable
        self.position = position
    }
}

/// libxml2's tables, filled once before any thread uses them.
let libxml2IsReady: Void = xmlInitParser()

/// The same for its tables of schema types, which reading a document doesn't need.
let libxml2SchemasAreReady: Void = {
    libxml2IsReady
    xmlSchemaInitTypes()
    _ = xmlRelaxNGInitTypes()
}()
