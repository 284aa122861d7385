/// An `<encryption>` element or document: how a volume is encrypted, and which secret opens it.
public struct EncryptionDefinition: Sendable, Hashable {
    public enum Format: String, Sendable, Hashable, CaseIterable {
        case `default`, qcow, luks, luks2
        case anyLUKS = "luks-any"
    }

    public enum Engine: String, Sendable, Hashable, CaseIterable {
        case qemu, librbd
    }

    public var format: Format
    public var engine: Engine?
    /// The passphrases.
    public var secrets: [SecretReference]
    public var cipher: Cipher?
    public var initializationVector: InitializationVector?
    public var foreign: ForeignContent

    public init(format: Format, secrets: [SecretReference] = []) {
        self.format = format
        self.secrets = secrets
        foreign = ForeignContent()
    }

    /// A cipher: `<cipher name='aes' size='256' mode='cbc' hash='sha256'/>`.
    public struct Cipher: Sendable, Hashable {
        public var name: String
        /// In bits.
        public var size: UInt32
        public var mode: String?
        public var hash: String?

        public init(name: String, size: UInt32, mode: String? = nil, hash: String? = nil) {
            self.name = name
            self.size = size
            self.mode = mode
            self.hash = hash
        }
    }

    /// How initialisation vectors are made: `<ivgen name='plain64' hash='sha256'/>`.
    public struct InitializationVector: Sendable, Hashable {
        public var name: String
        public var hash: String?

        public init(name: String, hash: String? = nil) {
            self.name = name
            self.hash = hash
        }
    }
}
