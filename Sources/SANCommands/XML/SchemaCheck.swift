import SANModel
import SANXML

/// A document held against the schema for its root element.
struct SchemaCheck: Sendable {
    let violations: [SchemaViolation]

    /// - Throws: `malformed_definition` for what isn't well-formed, and for an unknown root element.
    init(_ document: [UInt8]) throws(StorageError) {
        violations = try Schema.violations(in: document)
    }

    /// - Throws: `malformed_definition` with the first violation, the others as causes.
    func requireNoViolations() throws(StorageError) {
        guard let error else { return }
        throw error
    }

    /// The violations as one error, nil where there are none.
    var error: StorageError? {
        guard let first = violations.first else { return nil }
        return StorageError(
            .malformedDefinition, "The document breaks its schema: \(first.message)", location: first.location,
            causes: violations.dropFirst().map { StorageError(.malformedDefinition, $0.message, location: $0.location) }
        )
    }
}
