public import SANModel

/// A document that can be read from XML and printed in libvirt's canonical form.
public protocol XMLDocument: Sendable {
    /// The name of the root element: `pool`, `volume`, `secret`, `device`, `encryption`.
    static var rootElement: String { get }

    /// Reads a document: hostile input is refused in bounded time and memory, nothing is ever fetched.
    ///
    /// - Throws: `malformed_definition` with line and column.
    init(xml: [UInt8]) throws(StorageError)

    /// libvirt's canonical form, two spaces of indentation, ending in a newline; no XML declaration.
    var xml: String { get }
}

// The documents' conformances and the functions below are filled in by their own files.
extension PoolDefinition: XMLDocument {
    public static var rootElement: String { "pool" }
    public init(xml: [UInt8]) throws(StorageError) { throw StorageError(.unsupported, "") }
    public var xml: String { "" }
}
extension VolumeDefinition: XMLDocument {
    public static var rootElement: String { "volume" }
    public init(xml: [UInt8]) throws(StorageError) { throw StorageError(.unsupported, "") }
    public var xml: String { "" }
}
extension SecretDefinition: XMLDocument {
    public static var rootElement: String { "secret" }
    public init(xml: [UInt8]) throws(StorageError) { throw StorageError(.unsupported, "") }
    public var xml: String { "" }
}
extension NodeDeviceDefinition: XMLDocument {
    public static var rootElement: String { "device" }
    public init(xml: [UInt8]) throws(StorageError) { throw StorageError(.unsupported, "") }
    public var xml: String { "" }
}
extension EncryptionDefinition: XMLDocument {
    public static var rootElement: String { "encryption" }
    public init(xml: [UInt8]) throws(StorageError) { throw StorageError(.unsupported, "") }
    public var xml: String { "" }
}

/// Any of the documents, by its root element.
public enum AnyXMLDocument: Sendable {
    case pool(PoolDefinition)
    case volume(VolumeDefinition)
    case secret(SecretDefinition)
    case device(NodeDeviceDefinition)
    case encryption(EncryptionDefinition)

    public init(xml: [UInt8]) throws(StorageError) { throw StorageError(.unsupported, "") }
    public var xml: String { "" }
}

extension PoolSource {
    /// A `<source>` document, as find-sources reads it.
    public init(xml: [UInt8], type: PoolType) throws(StorageError) { throw StorageError(.unsupported, "") }

    /// `<sources>`, as find-sources prints them.
    public static func xml(of sources: [PoolSource], type: PoolType) -> String { "" }
}

/// One way in which a document breaks its schema.
public struct SchemaViolation: Sendable, Hashable {
    public var location: SourceLocation
    public var message: String
}

/// Our RELAX NG schemas.
public enum Schema {
    /// Every violation, in document order; none for a valid document. The schema is chosen by the root element.
    ///
    /// - Throws: `malformed_definition` for what isn't well-formed, and for an unknown root element.
    public static func violations(in xml: [UInt8]) throws(StorageError) -> [SchemaViolation] { [] }
}
