public import SANEngine
import SANModel

// Images that librbd encrypts. What is encrypted is told by the header of LUKS that the image begins with, and by nothing else.
extension RBDPool: VolumeEncryption {
    public func path(ofNew name: String) -> String { source.path(of: name) }

    /// Makes an encrypted image with so many bytes for the guest; its header comes on top.
    ///
    /// It has another name until it is formatted.
    ///
    /// - Throws: `not_found` for the secret, `unsupported`, `already_exists`, and what the cluster says; nothing is left behind then.
    func createEncrypted(
        _ name: String, _ wanted: UInt64, _ settings: ImageSettings?, _ definition: EncryptionDefinition,
        in context: OperationContext
    ) async throws(StorageError) -> Change<Volume> {
        let (isSecond, isStrong) = try ImageEncryption.check(definition)
        let passphrase = try await context.secrets.value(for: definition.secrets[0], usage: .volume)
        // librbd 16.2 takes it, and cryptsetup doesn't.
        guard passphrase.count > 0 else {
            throw StorageError(
                .invalidArgument, "The passphrase is empty: give the secret a value", subject: .volume(name.printable))
        }
        let encryption = ImageEncryption(isSecond: isSecond, isStrong: isStrong, passphrase: passphrase)
        // LUKS 2 encrypts blocks of 4 KiB.
        let (capacity, overflow) = wanted.addingReportingOverflow((4096 - wanted % 4096) % 4096 + Self.room)
        guard !overflow, capacity <= UInt64(Int64.max) else {
            throw StorageError(
                .invalidArgument, "An encrypted image has at most 2^63 - 1 bytes, its header included",
                subject: .volume(name.printable))
        }
        let shown = name.printable
        let staged = ImageNaming.unfinished()
        var undo = UndoList()
        do throws(StorageError) {
            undo.append { () async throws(StorageError) in
                try await step(in: context.renewed, waitingFor: "the unfinished image '\(staged)'") {
                    connection throws(StorageError) in try connection.removeIfThere(staged)
                }
            }
            try await step(in: context, waitingFor: "the encryption of the image '\(shown)'") {
                connection throws(StorageError) in
                try connection.refuse(name)
                try connection.make(staged, capacity, settings)
                try OpenImage(staged, readOnly: false, connection).format(encryption)
                // Opened anew, as it is and not as the guest sees it.
                try Self.fit(staged, capacity - Self.room, connection)
                try connection.rename(staged, to: name)
            }
        } catch {
            throw await undo.run(after: error).error.about(.volume, shown)
        }
        return .changed(try await read(name, in: context.renewed))
    }

    /// More than any header takes: it is as long as 16 MiB, and ends where an object does, which has 32 MiB at most.
    private static var room: UInt64 { 64 << 20 }

    /// Gives an image that was just formatted so many bytes behind its header.
    private static func fit(
        _ name: String, _ capacity: UInt64, _ connection: ClusterConnection
    ) throws(StorageError) {
        let image = try OpenImage(name, readOnly: false, connection)
        guard let luks = try image.luks() else {
            throw StorageError(.backendFailure, "librbd has formatted the image, and it has no header of LUKS")
        }
        try image.resize(to: capacity + luks.payload, allowsShrink: true)
    }

    /// The passphrase of a volume that was listed as encrypted; nil for another one, and to read one that no secret is known of: a guest
    /// may have put a header of its own there.
    ///
    /// - Throws: `not_found` where a secret has no value, and to write where none is known.
    func passphrase(
        of volume: Volume, isWriting: Bool, in context: OperationContext
    ) async throws(StorageError) -> SecretBytes? {
        guard let encryption = volume.definition.target.encryption else { return nil }
        do throws(StorageError) {
            let secret = encryption.secrets.first ?? .usage(volume.path)
            return try await context.secrets.value(for: secret, usage: .volume)
        } catch {
            guard error.code == .notFound, encryption.secrets.isEmpty, !isWriting else { throw error }
            return nil
        }
    }
}

extension OpenImage {
    /// Has it decrypted where it is encrypted.
    ///
    /// - Parameter passphrase: nil where it was listed as not encrypted.
    /// - Returns: the bytes that the guest sees.
    /// - Throws: `invalid_state` where it isn't as it was listed, `authentication_failed`.
    func unlock(_ passphrase: SecretBytes?) throws(StorageError) -> UInt64 {
        let size = try sizeAndOrder().size
        switch (try luks(), passphrase) {
        case (nil, nil): return size
        case (let luks?, let passphrase?):
            // The cipher stands in the header.
            try load(ImageEncryption(isSecond: luks.format == .luks2, isStrong: true, passphrase: passphrase))
            return size - min(luks.payload, size)
        case (let luks, _):
            throw StorageError(
                .invalidState,
                "The image '\(name.printable)' is \(luks == nil ? "not encrypted" : "encrypted") by now: refresh the pool and look again",
                subject: .volume(name.printable))
        }
    }
}
