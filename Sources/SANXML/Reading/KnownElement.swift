import SANModel

/// What a reader knows of an element, attributes and children: whatever else the element holds is foreign content.
struct KnownElement: Sendable {
    /// As it is printed, with its prefix.
    let name: String
    let namespace: String
    /// The value of `type` that tells it from others of its name.
    let type: String?
    let occurrence: Occurrence
    let attributes: Set<String>
    let children: [KnownElement]

    enum Occurrence: Sendable {
        /// The first one is read and printed, others are ignored.
        case first
        case each
        /// All of them are read, and printed as one.
        case joined
        /// The model has a value with foreign content for it.
        case apart
    }

    private init(
        _ name: String, _ namespace: String, _ type: String?, _ occurrence: Occurrence, _ attributes: Set<String>,
        _ children: [KnownElement]
    ) {
        self.name = name
        self.namespace = namespace
        self.type = type
        self.occurrence = occurrence
        self.attributes = attributes
        self.children = children
    }

    static func first(
        _ name: String, type: String? = nil, _ attributes: Set<String> = [], _ children: [KnownElement] = []
    ) -> KnownElement {
        KnownElement(name, "", type, .first, attributes, children)
    }

    static func each(
        _ name: String, in namespace: String = "", _ attributes: Set<String> = [], _ children: [KnownElement] = []
    ) -> KnownElement {
        KnownElement(name, namespace, nil, .each, attributes, children)
    }

    static func joined(_ name: String, in namespace: String, _ children: [KnownElement]) -> KnownElement {
        KnownElement(name, namespace, nil, .joined, [], children)
    }

    static func apart(_ name: String, type: String? = nil) -> KnownElement {
        KnownElement(name, "", type, .apart, [], [])
    }

    /// What the printer calls it.
    var place: String { type ?? name }

    func matches(_ element: XMLElement) -> Bool {
        element.name.namespace == namespace && localName == element.name.local
            && (type == nil || element.attribute("type") == type)
    }

    private var localName: Substring { name[(name.firstIndex(of: ":").map(name.index(after:)) ?? name.startIndex)...] }

    /// The prefix that the printed element has, and what it stands for.
    var prefixes: [String: String] {
        namespace.isEmpty ? [:] : [String(name.prefix { $0 != ":" }): namespace]
    }
}
