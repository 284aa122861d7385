/// What a document holds that sanctl doesn't know: kept, and printed again after what it knows.
public struct ForeignContent: Sendable, Hashable {
    /// Whole elements, each as the XML text it stood as, with the namespace declarations that it needs.
    public var elements: [String]
    /// Attributes of a foreign namespace.
    public var attributes: [Attribute]

    public init(elements: [String] = [], attributes: [Attribute] = []) {
        self.elements = elements
        self.attributes = attributes
    }

    public var isEmpty: Bool { elements.isEmpty && attributes.isEmpty }

    public struct Attribute: Sendable, Hashable {
        public var prefix: String
        public var namespace: String
        public var name: String
        public var value: String

        public init(prefix: String, namespace: String, name: String, value: String) {
            self.prefix = prefix
            self.namespace = namespace
            self.name = name
            self.value = value
        }
    }
}
