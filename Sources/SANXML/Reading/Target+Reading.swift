import SANModel

extension PoolTarget {
    init(element: XMLElement) throws(StorageError) {
        self.init(path: element.childText("path"), permissions: try Permissions(in: element))
        foreign = element.foreignContent([.first("path"), Permissions.known])
    }
}

extension Permissions {
    static let known = KnownElement.first(
        "permissions", [], [.first("mode"), .first("owner"), .first("group"), .first("label")])

    /// `<permissions>` of a target; nil where there is none, or an empty one.
    init?(in target: XMLElement) throws(StorageError) {
        guard let element = target.child("permissions") else { return nil }
        self.init()
        mode = try element.childValue("mode", "an octal mode up to 07777") { text in
            let mode = text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x37 }) ? UInt32(text, radix: 8) : nil
            return mode.flatMap { $0 <= 0o7777 ? $0 : nil }
        }
        owner = try element.identifier("owner")
        group = try element.identifier("group")
        label = element.childText("label")
        if self == Permissions() { return nil }
    }
}

extension XMLElement {
    /// The number of a user or group; -1 leaves it alone, as nothing at all does.
    fileprivate func identifier(_ name: String) throws(StorageError) -> UInt32? {
        try childValue(name, "a number, or -1 to leave it alone,") { text -> UInt32?? in
            if text == "-1" { return .some(nil) }
            return UInt64(decimal: text).flatMap(UInt32.init(exactly:)).map { $0 == UInt32.max ? nil : $0 }
        } ?? nil
    }
}

extension Timestamps {
    static let known = KnownElement.first(
        "timestamps", [], [.first("atime"), .first("mtime"), .first("ctime"), .first("btime")])

    /// `<timestamps>` of a target; nil where there is none, or an empty one.
    init?(in target: XMLElement) throws(StorageError) {
        guard let element = target.child("timestamps") else { return nil }
        func moment(_ name: String) throws(StorageError) -> Timestamp? {
            try element.childValue(name, "SECONDS or SECONDS.NANOSECONDS since 1970") { Timestamp($0) }
        }
        self.init(
            access: try moment("atime"), birth: try moment("btime"), change: try moment("ctime"),
            modification: try moment("mtime"))
        if self == Timestamps() { return nil }
    }
}
