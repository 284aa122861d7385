public import SANModel

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
