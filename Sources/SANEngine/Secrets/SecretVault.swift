import Glibc
import SANHost
import SANModel
import SystemPackage

/// The values of secrets in files: 0600 below a folder of 0700, sealed with this host's key where systemd can.
///
/// A file begins with a line that says how it is to be read.
struct SecretVault: Sendable {
    let folder: FilePath
    /// Nil keeps values as they are: for a memory-backed folder.
    let sealing: CredentialSealing?

    private static let plain = "sanctl-secret-1 plain\n"
    private static let sealed = "sanctl-secret-1 systemd-creds\n"
    /// The longest value and what sealing adds to it.
    private static let limit = 2 << 20
    static let longestValue = 1 << 20

    private func path(of uuid: StorageUUID) -> FilePath { folder.appending(uuid.description) }

    /// - Throws: `permission_denied` for a file that others could read or write.
    func hasValue(_ uuid: StorageUUID) throws(StorageError) -> Bool {
        guard let status = try LocalFile(path(of: uuid)).status() else { return false }
        try check(status, uuid)
        return true
    }

    func store(_ value: SecretBytes, of uuid: StorageUUID, until deadline: Deadline) async throws(StorageError) {
        try LocalFolder(folder).create(mode: 0o700)
        try checkFolder()
        var contents: [UInt8]
        if let blob = try await sealing?.seal(value, named: uuid.description, until: deadline) {
            contents = Array(Self.sealed.utf8) + blob
        } else {
            contents = Array(Self.plain.utf8)
            value.withBytes { span in
                contents.reserveCapacity(contents.count + span.count)
                for index in span.indices { contents.append(span[index]) }
            }
        }
        defer { SecretBytes.wipe(&contents) }
        try AtomicFile(path(of: uuid)).write(contents)
    }

    /// - Returns: nil where there is none.
    /// - Throws: `permission_denied` for a file that others could read or write, `host_failure` for one that can't be unsealed.
    func load(_ uuid: StorageUUID, until deadline: Deadline) async throws(StorageError) -> SecretBytes? {
        guard try hasValue(uuid) else { return nil }
        try checkFolder()
        var contents = try LocalFile(path(of: uuid)).read(limit: Self.limit)
        defer { SecretBytes.wipe(&contents) }
        if contents.starts(with: Self.plain.utf8) { return SecretBytes(contents.dropFirst(Self.plain.utf8.count)) }
        guard contents.starts(with: Self.sealed.utf8), let sealing else {
            throw StorageError(
                .hostFailure, "The value of secret '\(uuid)' is in a form that isn't known; set it again",
                subject: subject(uuid))
        }
        return try await sealing.unseal(
            Array(contents.dropFirst(Self.sealed.utf8.count)), named: uuid.description, until: deadline)
    }

    @discardableResult
    func remove(_ uuid: StorageUUID) throws(StorageError) -> Bool {
        try LocalFile(path(of: uuid)).remove()
    }

    private func check(_ status: LocalFile.Status, _ uuid: StorageUUID) throws(StorageError) {
        let file = path(of: uuid).string.printable
        guard status.isRegular, status.permissions & 0o077 == 0, status.owner == geteuid() || status.owner == 0 else {
            throw StorageError(
                .permissionDenied,
                "The value of secret '\(uuid)' may be known to others: \(file) must be a file of its user alone; "
                    + "run chmod 0600 and chown on it, or set the value again",
                subject: subject(uuid))
        }
    }

    private func checkFolder() throws(StorageError) {
        guard let status = try LocalFile(folder).status(), !Self.isPrivate(status, to: geteuid()) else { return }
        throw StorageError(
            .permissionDenied,
            "Others may change what is in \(folder.string.printable): it must be a folder, not a link, of its user alone; "
                + "run chmod 0700 and chown on it before secrets are kept there",
            subject: .path(folder.string.printable))
    }

    /// Whether nobody but the user and root can put a file into the folder or take one out.
    static func isPrivate(_ folder: LocalFile.Status, to user: UInt32) -> Bool {
        folder.isFolder && folder.permissions & 0o022 == 0 && (folder.owner == user || folder.owner == 0)
    }

    private func subject(_ uuid: StorageUUID) -> StorageError.Subject {
        StorageError.Subject([.secret: uuid.description, .path: path(of: uuid).string.printable])
    }
}
