import SANEngine
import SANModel

extension OperationContext {
    /// The passphrase of an image that is to be made encrypted; nil for another one.
    ///
    /// - Throws: `not_found`.
    package func passphrase(of plan: CreationPlan) async throws(StorageError) -> SecretBytes? {
        guard let secret = plan.secret else { return nil }
        return try await secrets.value(for: secret, usage: .volume)
    }

    /// The passphrase that a resize needs, that of the secret which the volume is listed with; nil where it needs none.
    ///
    /// - Throws: `unsupported` where no secret is known, `not_found`.
    package func passphrase(
        of volume: Volume, for resize: QemuImg.Resize
    ) async throws(StorageError) -> SecretBytes? {
        guard resize.isEncrypted else { return nil }
        guard let secret = volume.definition.target.encryption?.secrets.first else {
            throw StorageError(
                .unsupported, "'\(volume.name.printable)' is encrypted, and nothing says with which secret",
                subject: .volume(volume.name.printable))
        }
        return try await secrets.value(for: secret, usage: .volume)
    }
}
