public import SANModel

/// Finds the secrets of a pool's CHAP, one-way and mutual.
///
/// libvirt's documents have a place for the initiator's user name and secret only. Where the target is to prove itself too, define a
/// second secret of usage type `iscsi`, named as the first with `:mutual` after it (where the pool names its secret by UUID: the target's
/// IQN with `:mutual` after it), and give it the value `USER:PASSWORD`, what the target answers with. Without that secret CHAP is one-way;
/// with it a target that can't prove itself is refused.
///
/// An iscsi-direct pool's digest is MD5: libiscsi 1.19 knows no other. It brings its own, so a host in FIPS mode doesn't stop it.
public enum CHAPResolution {
    static let mutualSuffix = ":mutual"

    /// - Throws: `not_found` for a secret that isn't there, `invalid_argument` for one that can't be used.
    public static func credentials(
        for authentication: PoolSource.Authentication?, target: String?, from secrets: any SecretResolving
    ) async throws(StorageError) -> CHAPCredentials? {
        guard let authentication else { return nil }
        let secret = try await secrets.value(for: authentication.secret, usage: .iscsi)
        let initiator = try CHAPIdentity(name: authentication.username, secret: secret, of: authentication.secret)
        // A secret that only lacks its value is an error: CHAP must never quietly be one-way.
        guard let name = mutualUsage(of: authentication.secret, target: target),
            try await secrets.isDefined(.usage(name), usage: .iscsi)
        else {
            return CHAPCredentials(initiator: initiator, target: nil)
        }
        let value = try await secrets.value(for: .usage(name), usage: .iscsi)
        return CHAPCredentials(initiator: initiator, target: try split(value, of: .usage(name)))
    }

    /// What a pool of iSCSI authenticates with.
    ///
    /// - Throws: `invalid_argument` for another kind than CHAP.
    public static func checked(
        _ authentication: PoolSource.Authentication?, of type: PoolType
    ) throws(StorageError) -> PoolSource.Authentication? {
        if let authentication, authentication.kind != .chap {
            throw StorageError(
                .invalidArgument,
                "An \(type.rawValue) pool authenticates with type 'chap' only, not with '\(authentication.kind.rawValue)'"
            )
        }
        return authentication
    }

    /// The usage name of the secret that proves the target.
    package static func mutualUsage(of reference: SecretReference, target: String?) -> String? {
        switch reference {
        case .usage(let name): name + mutualSuffix
        case .uuid: target.map { $0 + mutualSuffix }
        }
    }

    private static func split(_ value: SecretBytes, of reference: SecretReference) throws(StorageError) -> CHAPIdentity
    {
        let parts: (name: String, secret: SecretBytes)? = value.withBytes { span in
            guard let colon = span.indices.first(where: { span[$0] == UInt8(ascii: ":") }) else { return nil }
            let name = String(decoding: (0..<colon).map { span[$0] }, as: UTF8.self)
            var rest = (colon + 1..<span.count).map { span[$0] }
            defer { SecretBytes.wipe(&rest) }
            return (name, SecretBytes(rest))
        }
        guard let parts else {
            throw StorageError(
                .invalidArgument, "The secret of mutual CHAP must be USER:PASSWORD: set its value again",
                subject: .secret(reference.text))
        }
        return try CHAPIdentity(name: parts.name, secret: parts.secret, of: reference)
    }
}
