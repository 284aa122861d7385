public import SANModel

/// A document that can be read from XML and printed in libvirt's canonical form.
public protocol XMLDocument: Sendable {
    /// The name of the root element: `pool`, `volume`, `secret`, `device`, `encryption`.
    static var rootElement: String { get }

    /// Reads a document: hostile input is refused in bounded time and memory, nothing is ever fetched.
    ///
    /// Up to 16 MiB of UTF-8 without a DOCTYPE, 64 levels deep at most.
    ///
    /// - Throws: `malformed_definition` with line and column.
    init(xml: [UInt8]) throws(StorageError)

    /// libvirt's canonical form, two spaces of indentation, ending in a newline; no XML declaration.
    var xml: String { get }
}

/// A document type by what its own files know: how to read its root element and how to print it.
protocol ElementRepresentable {
    init(element: XMLElement) throws(StorageError)
    func write(to writer: inout XMLWriter)
}

extension XMLDocument where Self: ElementRepresentable {
    init(document: [UInt8]) throws(StorageError) {
        let root = try ParsedDocument(parsing: document).root()
        guard root.isNamed(Self.rootElement) else {
            throw root.malformed(
                "The root element is <\(root.name.text.printable)>: <\(Self.rootElement)> is needed here")
        }
        try self.init(element: root)
    }

    var document: String {
        var writer = XMLWriter()
        write(to: &writer)
        return writer.text
    }
}

extension PoolDefinition: XMLDocument, ElementRepresentable {
    public static var rootElement: String { "pool" }
    public init(xml: [UInt8]) throws(StorageError) { try self.init(document: xml) }
    public var xml: String { document }
}

extension VolumeDefinition: XMLDocument, ElementRepresentable {
    public static var rootElement: String { "volume" }
    public init(xml: [UInt8]) throws(StorageError) { try self.init(document: xml) }
    public var xml: String { document }
}

extension SecretDefinition: XMLDocument, ElementRepresentable {
    public static var rootElement: String { "secret" }
    public init(xml: [UInt8]) throws(StorageError) { try self.init(document: xml) }
    public var xml: String { document }
}

extension NodeDeviceDefinition: XMLDocument, ElementRepresentable {
    public static var rootElement: String { "device" }
    public init(xml: [UInt8]) throws(StorageError) { try self.init(document: xml) }
    public var xml: String { document }
}

extension EncryptionDefinition: XMLDocument, ElementRepresentable {
    public static var rootElement: String { "encryption" }
    public init(xml: [UInt8]) throws(StorageError) { try self.init(document: xml) }
    public var xml: String { document }
}
