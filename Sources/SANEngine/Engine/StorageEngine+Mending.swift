public import SANModel
import SANXML

/// A pool's definition as it is stored, also where it can't be used.
public struct StoredDocument: Sendable, Hashable {
    public let name: String
    /// The text: of a definition that can be used the canonical one, else the file's very bytes.
    public let bytes: [UInt8]
    /// Nil where it can't be used.
    public let definition: PoolDefinition?
    /// Why it can't be used.
    public let error: StorageError?
}

extension StorageEngine {
    /// The document to edit; what comes of it goes to ``definePool(_:mending:)``.
    ///
    /// - Throws: `not_found`; `permission_denied` and `host_failure` where the file can't be read at all.
    public func storedDocument(ofPool reference: String) async throws(StorageError) -> StoredDocument {
        let record = try resolve(reference)
        guard let error = record.stored?.error else {
            var definition = record.stored?.definition
            if definition == nil { definition = try record.usableDefinition() }
            guard let definition else { throw StorageError.noPool(named: reference) }
            return StoredDocument(
                name: record.name, bytes: Array(definition.xml.utf8), definition: definition, error: nil)
        }
        let bytes: [UInt8]
        do throws(StorageError) {
            guard let found = try definitions.bytes(of: record.name) else { throw error }
            bytes = found
        } catch {
            throw beyondMending(error, record.name)
        }
        return StoredDocument(name: record.name, bytes: bytes, definition: nil, error: error)
    }

    /// A file that is too long, or that this user may not read, or that is none.
    private func beyondMending(_ error: StorageError, _ name: String) -> StorageError {
        let remedy =
            error.code == .permissionDenied
            ? "run this as the user that owns it"
            : "mend or replace the file by hand, or remove it with 'sanctl pool undefine'"
        return StorageError(
            error.code,
            "The definition of pool '\(name.printable)' can't be edited here, as its file can't be read: \(remedy)",
            subject: error.subject, causes: [error]
        ).about(.pool, name.printable)
    }
}
