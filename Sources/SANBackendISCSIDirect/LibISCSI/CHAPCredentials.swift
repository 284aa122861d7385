import SANEngine
import SANModel

/// A CHAP name and secret for each direction that is wanted.
struct CHAPCredentials: Sendable {
    /// Proves us to the target.
    var initiator: CHAPIdentity
    /// Proves the target to us: mutual CHAP.
    var target: CHAPIdentity?
}

/// A CHAP name and its secret.
struct CHAPIdentity: Sendable {
    let name: String
    private let secret: SecretBytes

    /// What libiscsi's buffers hold.
    private static let limit = 255

    /// - Throws: `invalid_argument` for what libiscsi would cut or misread: empty, longer than 255 bytes, or with a NUL.
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

    /// Lends both as C strings; the copy of the secret is wiped before this returns.
    func withCStrings(_ body: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Void) {
        var copy = secret.withBytes { span in span.indices.map { span[$0] } + [0] }
        defer { SecretBytes.wipe(&copy) }
        unsafe copy.withUnsafeBytes { bytes in
            guard let password = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress else { return }
            unsafe name.withCString { user in unsafe body(user, password) }
        }
    }
}

extension SecretReference {
    /// As messages name it.
    var text: String {
        switch self {
        case .uuid(let uuid): uuid.description
        case .usage(let name): name.printable
        }
    }
}
