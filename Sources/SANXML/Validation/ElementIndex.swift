import SANModel

/// The elements of a document by where they stand.
struct ElementIndex {
    private struct Entry {
        var name: String
        var local: String
        /// What messages show of its start tag and text.
        var tag: String
        var text: String?
        var location: SourceLocation
        var parent: Int?
        /// The number after that of the last element inside this one.
        var end: Int
    }

    /// In document order.
    private var entries: [Entry] = []
    private var numbers: [SourceLocation: Int] = [:]

    init(_ root: XMLElement) {
        add(root, parent: nil)
    }

    private mutating func add(_ element: XMLElement, parent: Int?) {
        let number = entries.count
        entries.append(
            Entry(
                name: element.name.text, local: element.name.local, tag: element.startTag,
                text: XMLElement.shownElements.contains(element.name.text)
                    ? element.text.withoutSurroundingSpace.shortened : nil, location: element.location, parent: parent,
                end: number))
        numbers[element.location] = number
        for child in element.elements { add(child, parent: number) }
        entries[number].end = entries.count
    }

    var rootLocation: SourceLocation { entries[0].location }

    func firstElement(withMoreChildrenThan maximum: Int) -> SourceLocation? {
        var counts = [Int](repeating: 0, count: entries.count)
        for entry in entries {
            if let parent = entry.parent { counts[parent] += 1 }
        }
        return counts.firstIndex { $0 > maximum }.map { entries[$0].location }
    }

    func name(at location: SourceLocation) -> String? {
        numbers[location].map { entries[$0].name }
    }

    /// A start tag as it may be shown.
    func tag(at location: SourceLocation) -> String? {
        numbers[location].map { entries[$0].tag }
    }

    /// The text of an element as it may be shown; nil where it might be a secret.
    func text(at location: SourceLocation) -> String? {
        numbers[location].flatMap { entries[$0].text }
    }

    func hasChild(named name: String, at location: SourceLocation) -> Bool {
        guard let number = numbers[location] else { return false }
        return entries[number..<entries[number].end].contains { $0.parent == number && $0.local == name }
    }

    /// Whether one element is inside the parent of another one.
    func isNear(_ one: SourceLocation, _ other: SourceLocation) -> Bool {
        guard let parent = numbers[other].flatMap({ entries[$0].parent }) else { return false }
        return isInside(one, of: entries[parent].location)
    }

    /// Whether one element is inside another one.
    func isInside(_ inner: SourceLocation, of outer: SourceLocation) -> Bool {
        guard let inner = numbers[inner], let outer = numbers[outer] else { return false }
        return inner > outer && inner < entries[outer].end
    }

    /// Whether two elements are one, or one is inside the other.
    func areRelated(_ one: SourceLocation, _ other: SourceLocation) -> Bool {
        one == other || isInside(one, of: other) || isInside(other, of: one)
    }

    /// The places of the children of a name in one parent: in the one at a place or around it, else in the first.
    func children(
        named name: String, ofElementsNamed parentName: String?, near location: SourceLocation?
    ) -> [SourceLocation] {
        let near = location.flatMap { numbers[$0] }
        let found = entries.filter { entry in
            guard entry.local == name, let parent = entry.parent else { return false }
            return parentName == nil || entries[parent].local == parentName
        }
        let nearest =
            found.first { $0.parent == near || near.flatMap { entries[$0].parent } == $0.parent } ?? found.first
        return found.filter { $0.parent == nearest?.parent }.map(\.location)
    }
}

extension XMLElement {
    /// The elements whose text may be shown: it is no secret.
    static let shownElements: Set<String> = ["name", "path"]
    /// The attributes whose values may be shown.
    static let shownAttributes: Set<String> = ["name", "path", "type", "port", "domain", "bus", "slot", "function"]

    /// The start tag for a message, with attributes that hold nothing secret.
    fileprivate var startTag: String {
        let shown = attributes.filter { XMLElement.shownAttributes.contains($0.name.text) }
        return "<\(name.text.printable)" + shown.map { " \($0.name.text)='\($0.value.shortened)'" }.joined() + ">"
    }
}

extension String {
    /// What a message shows of it.
    var shortened: String { unicodeScalars.count > 80 ? String(prefix(80)).printable + "…" : printable }
}
