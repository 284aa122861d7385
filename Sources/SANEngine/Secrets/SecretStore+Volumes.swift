import SANModel

// The secrets of encrypted volumes: named, as libvirt does, by the path of the volume.
extension SecretStore {
    /// The secret that a volume's path leads to, else a new one with a random passphrase.
    ///
    /// - Returns: changed where it was made.
    /// - Throws: `busy`, `permission_denied`, `host_failure`; nothing is left then.
    func provide(forVolumeAt path: String, until deadline: Deadline) async throws(StorageError) -> Change<StorageUUID> {
        let definition = SecretDefinition(usage: SecretDefinition.Usage(kind: .volume, name: path))
        if let known = try uuids(ofVolumes: [path])[path] { return .unchanged(known) }
        let status = try await define(definition, until: deadline)
        guard let uuid = status.value.definition.uuid else {
            throw StorageError(.hostFailure, "The new secret has no UUID", subject: .secret(path.printable))
        }
        guard status.isChanged else { return .unchanged(uuid) }
        do throws(StorageError) {
            _ = try await setValue(uuid.description, to: SecretBytes.passphrase(), until: deadline)
        } catch {
            throw await withdraw(uuid, after: error)
        }
        return .changed(uuid)
    }

    /// Forgets a secret that was made for what then failed, also where the task was cancelled or its time is over.
    ///
    /// - Returns: the error; where the secret can't be removed with that as a cause.
    func withdraw(_ uuid: StorageUUID, after error: StorageError) async -> StorageError {
        do throws(StorageError) {
            _ = try await shielded { () async throws(StorageError) in
                try await undefine(uuid.description, until: .after(timeout))
            }
            return error
        } catch let undo {
            return keeping(uuid, "it can't be removed", undo, after: error)
        }
    }

    /// An error, with what its reader has to know of a secret that was made for the volume and is still there.
    func keeping(
        _ uuid: StorageUUID, _ reason: String, _ cause: StorageError? = nil, after error: StorageError
    ) -> StorageError {
        error.adding(
            cause: StorageError(
                cause?.code ?? .invalidState,
                "The secret \(uuid) that was made for the volume is kept, as \(reason); 'sanctl secret undefine' forgets it",
                subject: .secret(uuid.description), causes: cause.map { [$0] } ?? []))
    }

    /// Which secret each path has, among those that have one.
    func uuids(ofVolumes paths: Set<String>) throws(StorageError) -> [String: StorageUUID] {
        var found: [String: StorageUUID] = [:]
        for status in try all() {
            guard let usage = status.definition.usage, usage.kind == .volume, paths.contains(usage.name),
                let uuid = status.definition.uuid
            else { continue }
            found[usage.name] = uuid
        }
        return found
    }
}

extension SecretBytes {
    /// A new passphrase of 43 letters, digits, `-` and `_`: 258 bits of the kernel's random generator, which Swift's reads (`getrandom(2)`).
    ///
    /// Text, as QEMU takes no other passphrases (`qcrypto_secret_lookup_as_utf8`, QEMU 7.2).
    static func passphrase() -> SecretBytes {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<43).map { _ in letters[Int.random(in: letters.indices, using: &generator)] }
        defer { wipe(&bytes) }
        return SecretBytes(bytes)
    }
}
