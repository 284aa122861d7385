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
        let (capacity, overflow) = wanted.addingReportingOverflow((4096 - wanted % 4096) % 4096)
        let shown = name.printable
        @Sendable func whole(_ room: UInt64) throws(StorageError) -> UInt64 {
            let (size, isTooMuch) = capacity.addingReportingOverflow(room)
            guard !overflow, !isTooMuch, size <= UInt64(Int64.max) else {
                throw StorageError(
                    .invalidArgument, "An encrypted image has at most 2^63 - 1 bytes, its header included",
                    subject: .volume(shown))
            }
            return size
        }
        let usual = try whole(Self.usualRoom)
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
                try connection.make(staged, usual, settings)
                try Self.format(staged, encryption, connection) { room throws(StorageError) in try whole(room) }
                // Opened anew, as it is and not as the guest sees it.
                try Self.fit(staged, capacity, connection)
            }
            // Who waits for that in vain has taken everything back, and what comes late must not get the name.
            try await publish(staged, as: name, in: context)
        } catch {
            throw await undo.run(after: error).error.about(.volume, shown)
        }
        return .changed(try await read(name, in: context.renewed))
    }

    /// Room for a header: it is as long as 16 MiB, and ends where a row of stripes does, which usually has 32 MiB at most.
    private static var usualRoom: UInt64 { 64 << 20 }

    /// - Parameter whole: how large the image is to be with so much room for its header.
    private static func format(
        _ name: String, _ encryption: ImageEncryption, _ connection: ClusterConnection,
        _ whole: (UInt64) throws(StorageError) -> UInt64
    ) throws(StorageError) {
        let image = try OpenImage(name, readOnly: false, connection)
        // What its stripes are the pool's options may have said.
        let (row, overflow) = try image.stripePeriod().multipliedReportingOverflow(by: 2)
        if overflow || row > usualRoom { try image.resize(to: try whole(overflow ? .max : row), allowsShrink: false) }
        try image.format(encryption)
    }

    /// Gives an image that was just formatted so many bytes behind its header.
    private static func fit(
        _ name: String, _ capacity: UInt64, _ connection: ClusterConnection
    ) throws(StorageError) {
        let image = try OpenImage(name, readOnly: false, connection)
        guard let luks = try image.luks(), luks != .unreadable else {
            throw StorageError(.backendFailure, "librbd has formatted the image, and it has no header of LUKS")
        }
        // What librbd 16 takes for good, 18 doesn't open (`LoadRequest::handle_read_header`).
        guard luks.payload.isMultiple(of: try image.stripePeriod()) else {
            throw StorageError(
                .unsupported,
                "The image's header ends within its stripes, after \(luks.payload) bytes, which librbd 18 doesn't open: choose shorter stripes, or smaller objects"
            )
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
        case (let luks?, .some) where luks.format == .anyLUKS:
            throw StorageError(
                .unsupported, "The image '\(name.printable)' begins like LUKS, but its header can't be read",
                subject: .volume(name.printable))
        case (let luks?, let passphrase?):
            // The cipher stands in the header.
            try load(ImageEncryption(isSecond: luks.format == .luks2, isStrong: true, passphrase: passphrase))
            return size - min(luks.payload, size)
        default: throw isOtherwise()
        }
    }

    func isOtherwise() -> StorageError {
        StorageError(
            .invalidState,
            "The image '\(name.printable)' isn't encrypted as it was listed: refresh the pool and look again",
            subject: .volume(name.printable))
    }
}
