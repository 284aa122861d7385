internal import CLibXML2
import SANModel

/// One message of libxml2's validator.
struct SchemaComplaint {
    var code: xmlRelaxNGValidErr
    /// Of the element it is about; libxml2 doesn't always say.
    var location: SourceLocation?
    /// The first name in the message, an element or an attribute.
    var name: String
    /// The second one.
    var element = ""
}

/// Makes violations of what libxml2's validator says: it reports one fault and then every element around it.
struct SchemaDiagnosis {
    let index: ElementIndex

    /// At least one violation, for at least one complaint.
    func violations(for complaints: [SchemaComplaint]) -> [SchemaViolation] {
        var violations: [SchemaViolation] = []
        for (number, complaint) in complaints.enumerated() {
            guard let violation = violation(for: complaint, followedBy: complaints[(number + 1)...]) else { continue }
            if !violations.contains(where: { $0.location == violation.location }) { violations.append(violation) }
        }
        // An element is wrong because of one inside it: the one inside says why.
        let causes = violations.filter { outer in
            !violations.contains { index.isInside($0.location, of: outer.location) }
        }
        guard causes.isEmpty else { return causes }
        let place = complaints.lazy.compactMap(\.location).first ?? index.rootLocation
        return [SchemaViolation(location: place, message: "The content of \(name(at: place)) isn't what it should be")]
    }

    private func violation(
        for complaint: SchemaComplaint, followedBy rest: ArraySlice<SchemaComplaint>
    ) -> SchemaViolation? {
        if complaint.code == XML_RELAXNG_ERR_INTEREXTRA { return extraElement(complaint.name, followedBy: rest) }
        guard let location = complaint.location, let message = message(for: complaint, about: name(at: location)) else {
            return nil
        }
        var violation = SchemaViolation(location: location, message: message)
        violation.isGuess = [
            XML_RELAXNG_ERR_EXTRACONTENT, XML_RELAXNG_ERR_ATTRVALID, XML_RELAXNG_ERR_INVALIDATTR,
        ].contains(complaint.code)
        return violation
    }

    private func message(for complaint: SchemaComplaint, about place: String) -> String? {
        let name = complaint.name.printable
        return switch complaint.code {
        case XML_RELAXNG_ERR_INTERSEQ, XML_RELAXNG_ERR_CONTENTVALID: nil
        case XML_RELAXNG_ERR_NOELEM where name.isEmpty || hasChild(complaint):
            "\(place) lacks something that it needs, or holds something that can't be there"
        case XML_RELAXNG_ERR_NOELEM: "\(place) has no <\(name)>: add one"
        case XML_RELAXNG_ERR_EXTRACONTENT:
            "<\(complaint.element.printable)> can't be in <\(name)>, or holds what it can't"
        case XML_RELAXNG_ERR_INVALIDATTR:
            "Attribute '\(name)' of <\(complaint.element.printable)> doesn't go with the others, or its value isn't allowed"
        case XML_RELAXNG_ERR_ATTRVALID:
            "\(tag(of: complaint) ?? place) lacks an attribute, or has one whose value isn't allowed"
        case XML_RELAXNG_ERR_ELEMNAME, XML_RELAXNG_ERR_ELEMWRONG: "\(place) isn't known here: remove it"
        case XML_RELAXNG_ERR_ELEMNONS, XML_RELAXNG_ERR_ELEMWRONGNS, XML_RELAXNG_ERR_ELEMEXTRANS:
            "\(place) is in the wrong namespace"
        case XML_RELAXNG_ERR_TYPE, XML_RELAXNG_ERR_TYPEVAL, XML_RELAXNG_ERR_DATATYPE, XML_RELAXNG_ERR_VALUE,
            XML_RELAXNG_ERR_TEXTWRONG, XML_RELAXNG_ERR_DATAELEM, XML_RELAXNG_ERR_VALELEM:
            complaint.location.flatMap(index.text).map { "\(place) can't hold '\($0)'" }
                ?? "The text of \(place) isn't what it should be"
        default: "\(place) isn't what it should be"
        }
    }

    private func tag(of complaint: SchemaComplaint) -> String? {
        complaint.location.flatMap(index.tag)
    }

    /// Whether the element has the child that libxml2 misses: it stopped looking before it came to it.
    private func hasChild(_ complaint: SchemaComplaint) -> Bool {
        guard let location = complaint.location else { return false }
        return index.hasChild(named: complaint.name, at: location)
    }

    /// "Extra element X": libxml2 says so without a place, of an element too many and of one whose content is wrong.
    private func extraElement(_ name: String, followedBy rest: ArraySlice<SchemaComplaint>) -> SchemaViolation? {
        let parent = rest.first { $0.code == XML_RELAXNG_ERR_CONTENTVALID }
        let children = index.children(named: name, ofElementsNamed: parent?.name, near: parent?.location)
        guard let last = children.last else { return nil }
        let message =
            children.count > 1
            ? "<\(name.printable)> is there \(children.count) times, or holds what it can't"
            : "<\(name.printable)> can't be here, or holds what it can't"
        return SchemaViolation(location: last, message: message)
    }

    private func name(at location: SourceLocation) -> String {
        "<\((index.name(at: location) ?? "").printable)>"
    }
}
