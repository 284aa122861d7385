public import SANModel

/// Any of the documents, by its root element.
public enum AnyXMLDocument: Sendable, Hashable {
    case pool(PoolDefinition)
    case volume(VolumeDefinition)
    case secret(SecretDefinition)
    case device(NodeDeviceDefinition)
    case encryption(EncryptionDefinition)

    /// - Throws: `malformed_definition` with line and column.
    public init(xml: [UInt8]) throws(StorageError) {
        try self.init(root: try ParsedDocument(parsing: xml).root())
    }

    init(root: XMLElement) throws(StorageError) {
        switch root.name.namespace.isEmpty ? root.name.local : "" {
        case PoolDefinition.rootElement: self = .pool(try PoolDefinition(element: root))
        case VolumeDefinition.rootElement: self = .volume(try VolumeDefinition(element: root))
        case SecretDefinition.rootElement: self = .secret(try SecretDefinition(element: root))
        case NodeDeviceDefinition.rootElement: self = .device(try NodeDeviceDefinition(element: root))
        case EncryptionDefinition.rootElement: self = .encryption(try EncryptionDefinition(element: root))
        default:
            throw root.malformed(
                "The root element is <\(root.name.text.printable)>: <pool>, <volume>, <secret>, <device> or <encryption> is needed"
            )
        }
    }

    public var xml: String {
        switch self {
        case .pool(let document): document.xml
        case .volume(let document): document.xml
        case .secret(let document): document.xml
        case .device(let document): document.xml
        case .encryption(let document): document.xml
        }
    }
}
