public import SANModel

// A secret's reference is a UUID or KIND:USAGE, as in `iscsi:libvirtiscsi`.
extension StorageEngine {
    /// Every secret, sorted by UUID.
    public func secrets() async throws(StorageError) -> [SecretStatus] {
        try secretStore.all()
    }

    /// - Throws: `not_found`, `invalid_argument` for what isn't a reference.
    public func secret(_ reference: String) async throws(StorageError) -> SecretStatus {
        try secretStore.find(reference)
    }

    /// Stores a secret's document; one without a UUID gets a random one.
    ///
    /// - Throws: `already_exists` for a type and usage that another secret has, `invalid_argument` where `private` would change, `busy`.
    public func defineSecret(_ definition: SecretDefinition) async throws(StorageError) -> Change<SecretStatus> {
        try await secretStore.define(definition, until: newDeadline())
    }

    /// - Throws: `not_found`, `busy`, `permission_denied` for files that others may write.
    public func setSecretValue(
        _ reference: String, to value: SecretBytes
    ) async throws(StorageError) -> Change<SecretStatus> {
        try await secretStore.setValue(reference, to: value, until: newDeadline())
    }

    /// - Throws: `permission_denied` for a private secret, `not_found` for one without a value.
    public func secretValue(_ reference: String) async throws(StorageError) -> SecretBytes {
        let status = try secretStore.find(reference)
        guard !status.definition.isPrivate else {
            throw StorageError(
                .permissionDenied, "secret is private: its value is given to the storage only",
                subject: .secret(status.definition.uuid?.description ?? reference.printable))
        }
        return try await secretStore.value(of: status, until: newDeadline())
    }

    /// Forgets a secret and its value.
    ///
    /// - Throws: `not_found`, `busy`.
    public func undefineSecret(_ reference: String) async throws(StorageError) -> Change<SecretStatus> {
        try await secretStore.undefine(reference, until: newDeadline())
    }
}
