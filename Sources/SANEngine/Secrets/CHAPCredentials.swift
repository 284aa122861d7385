public import SANModel

/// A CHAP name and secret for each direction that is wanted.
public struct CHAPCredentials: Sendable {
    /// Proves us to the target.
    public var initiator: CHAPIdentity
    /// Proves the target to us: mutual CHAP.
    public var target: CHAPIdentity?
}

/// A CHAP name and its secret.
public struct CHAPIdentity: Sendable {
    public let name: String
    private let secret: SecretBytes

    /// What libiscsi's and open-iscsi's buffers hold.
    private static let limit = 255

    /// - Throws: `invalid_argument` for what libiscsi or open-iscsi would cut or misread: empty, longer than 255 bytes, or with a NUL.
    init(name: String, secret: SecretBytes, of reference: SecretReference) throws(StorageError) {
        let hasNUL = secret.withBytes { span in span.indices.contains { span[$0] == 0 } }
        guard secret.count > 0, secret.count <= CHAPIdentity.limit, !hasNUL else {
            throw StorageError(
                .invalidArgument,
                "The CHAP secret can't be used: 1 to \(CHAPIdentity.limit) bytes without a NUL are needed; set its value again",
                subject: .secret(reference.text))
        }
        guard !name.isEmpty, name.utf8.count <= CHAPIdentity.limit, !name.utf8.contains(0) else {
            throw StorageError(
                .invalidArgument,
                "The CHAP user name '\(name.printable)' can't be used: 1 to \(CHAPIdentity.limit) bytes are needed",
                subject: .secret(reference.text))
        }
        self.name = name
        self.secret = secret
    }

    /// Lends the secret's bytes for one call; they must not be kept.
    public func withSecret<Result, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try secret.withBytes(body)
    }
}

extension SecretReference {
    /// As messages name it.
    public var text: String {
        switch self {
        case .uuid(let uuid): uuid.description
        case .usage(let name): name.printable
        }
    }
}
