/// A `<secret>` document: what a secret is for.
///
/// Never its value.
public struct SecretDefinition: Sendable, Hashable {
    public var uuid: StorageUUID?
    /// Kept in memory-backed storage only, gone with the next boot.
    public var isEphemeral: Bool
    /// Its value is never given out again.
    public var isPrivate: Bool
    public var summary: String?
    public var usage: Usage?
    public var foreign: ForeignContent

    public init(uuid: StorageUUID? = nil, usage: Usage? = nil) {
        self.uuid = uuid
        self.usage = usage
        isEphemeral = false
        isPrivate = false
        foreign = ForeignContent()
    }

    /// `<usage type='iscsi'><target>NAME</target></usage>`: its type and name are part of the secret's identity.
    public struct Usage: Sendable, Hashable {
        public enum Kind: String, Sendable, Hashable, CaseIterable {
            case volume, ceph, iscsi, tls, vtpm

            /// The name of the child element that holds the name.
            public var elementName: String {
                switch self {
                case .volume: "volume"
                case .iscsi: "target"
                case .ceph, .tls, .vtpm: "name"
                }
            }
        }

        public var kind: Kind
        public var name: String

        public init(kind: Kind, name: String) {
            self.kind = kind
            self.name = name
        }
    }
}
