/// What a document holds that sanctl doesn't know: kept, and printed again after what it knows.
public struct ForeignContent: Sendable, Hashable {
    /// Whole elements, each as the XML text it stood as, with the namespace declarations that it needs.
    public var elements: [String]
    /// Attributes of a foreign namespace.
    public var attributes: [Attribute]
    /// What stands inside known elements that have no foreign content of their own, such as `<host>` in a source.
    public var nested: [Place: ForeignContent]

    public init(elements: [String] = [], attributes: [Attribute] = [], nested: [Place: ForeignContent] = [:]) {
        self.elements = elements
        self.attributes = attributes
        self.nested = nested
    }

    public var isEmpty: Bool { elements.isEmpty && attributes.isEmpty && nested.isEmpty }

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

    /// A known child element: its name as it is printed, and how many of that name are in front of it.
    public struct Place: Sendable, Hashable {
        public var name: String
        public var position: Int

        public init(_ name: String, _ position: Int = 0) {
            self.name = name
            self.position = position
        }
    }
}
