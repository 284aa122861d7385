import SANModel
import SANXML

/// What must hold for every sequence of bytes, however hostile: the fuzzer and the tests ask here.
enum XMLRobustness {
    /// What went wrong, or nil.
    ///
    /// A document that is read prints to one that reads and prints the same, and a refusal says where.
    static func fault(in bytes: [UInt8]) -> String? {
        do {
            let violations = try Schema.violations(in: bytes)
            if violations.contains(where: { $0.message.isEmpty || $0.location.line < 1 || $0.location.column < 1 }) {
                return "A violation has no message or no place"
            }
        } catch {
            if let fault = fault(in: error) { return "Schema: \(fault)" }
        }
        for type in PoolType.allCases {
            do {
                let source = try PoolSource(xml: bytes, type: type)
                let again = try PoolSource(xml: Array(source.xml.utf8), type: type)
                if again != source {
                    return "A source of type \(type) isn't the same when it is printed and read again"
                }
            } catch {
                if let fault = fault(in: error) { return "Source: \(fault)" }
            }
        }
        return roundTripFault(of: bytes)
    }

    private static func roundTripFault(of bytes: [UInt8]) -> String? {
        let document: AnyXMLDocument
        do {
            document = try AnyXMLDocument(xml: bytes)
        } catch {
            return fault(in: error).map { "Reader: \($0)" }
        }
        do {
            let again = try AnyXMLDocument(xml: Array(document.xml.utf8))
            if again != document { return "The document isn't the same when it is printed and read again" }
            return again.xml == document.xml ? nil : "The printed document prints differently"
        } catch {
            return "The printed document is refused at \(error.location?.description ?? "?"): \(error)"
        }
    }

    private static func fault(in error: StorageError) -> String? {
        error.code == .malformedDefinition && error.location != nil ? nil : "\(error.code) without a place: \(error)"
    }
}
