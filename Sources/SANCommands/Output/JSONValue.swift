import SANModel

/// A JSON value.
///
/// Objects have no order of their own: they are printed with `version` first and the other keys sorted.
enum JSONValue: Sendable, Hashable {
    case string(String)
    /// Sizes and counts, exact to 2^64 - 1.
    case number(UInt64)
    case bool(Bool)
    case null
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object; assigning nil leaves a key out.
struct JSONObject: Sendable, Hashable {
    private var members: [String: JSONValue] = [:]

    init() {}

    subscript(key: String) -> JSONValue? {
        get { members[key] }
        set { members[key] = newValue }
    }

    /// In the order in which they are printed.
    var sorted: [(key: String, value: JSONValue)] {
        members.sorted { left, right in
            left.key == JSONObject.versionKey
                || (right.key != JSONObject.versionKey && left.key.utf8.lexicographicallyPrecedes(right.key.utf8))
        }
        .map { ($0.key, $0.value) }
    }

    var isEmpty: Bool { members.isEmpty }

    /// The key that tells which contract a document follows.
    static let versionKey = "version"

    /// An object with `"version": 1`: the root of every document.
    static func document() -> JSONObject {
        var object = JSONObject()
        object[versionKey] = 1
        return object
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    init(dictionaryLiteral elements: (String, JSONValue)...) {
        members = Dictionary(elements) { _, last in last }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: UInt64) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
}

extension JSONValue {
    /// Nil stays nil, so that an absent value is an absent key.
    static func optional(_ text: String?) -> JSONValue? { text.map { .string($0) } }
    static func optional(_ size: ByteCount?) -> JSONValue? { size.map { .number($0.bytes) } }
    static func optional(_ flag: Bool?) -> JSONValue? { flag.map { .bool($0) } }

    static func optional<Number: BinaryInteger>(_ number: Number?) -> JSONValue? {
        number.flatMap { UInt64(exactly: $0) }.map { .number($0) }
    }

    /// A list, or nil for an empty one.
    static func nonEmpty(_ values: [JSONValue]) -> JSONValue? { values.isEmpty ? nil : .array(values) }

    /// An object, or nil for an empty one.
    static func nonEmpty(_ object: JSONObject) -> JSONValue? { object.isEmpty ? nil : .object(object) }
}
