import SANModel

extension PoolDefinition {
    private static let known: [KnownElement] = [
        .first("name"), .first("uuid"), .first("capacity", ["unit"]), .first("allocation", ["unit"]),
        .first("available", ["unit"]),
        .first("features", [], [.first("cow", ["state"])]),
        .apart("source"), .apart("target"),
        .first("refresh", [], [.first("volume", ["allocation"])]),
    ]
    private static let knownMountOptions = KnownElement.joined(
        "fs:mount_opts", in: OptionNamespace.fileSystem,
        [.each("fs:option", in: OptionNamespace.fileSystem, ["name"])])
    private static let knownConfigOptions = KnownElement.joined(
        "rbd:config_opts", in: OptionNamespace.rbd,
        [.each("rbd:option", in: OptionNamespace.rbd, ["name", "value"])])

    init(element: XMLElement) throws(StorageError) {
        do {
            try self.init(anonymous: element)
        } catch {
            throw element.childText("name").map { error.about(.pool, $0.printable) } ?? error
        }
    }

    private init(anonymous element: XMLElement) throws(StorageError) {
        guard let type = try element.choice("type", of: PoolType.self) else {
            throw element.malformed(
                "<pool> has no type: add type='…', one of "
                    + PoolType.allCases.map(\.rawValue).joined(separator: ", "))
        }
        var source = try element.child("source").map { (source) throws(StorageError) in
            try PoolSource(element: source, type: type)
        }
        if type == .rbd, source?.name == nil {
            throw (element.child("source") ?? element).malformed(
                "The source has no name: element 'name' is mandatory for an rbd pool, add <name>POOL</name>")
        }
        let name = try PoolDefinition.name(of: element, type: type, sourceName: source?.name)
        if type.isNamedAfterSource, type != .rbd, source?.name == nil {
            source = source ?? PoolSource()
            source?.name = name
        }
        self.init(type: type, name: name, uuid: try element.uuid(), source: source ?? PoolSource())
        try readContents(of: element)
    }

    private mutating func readContents(of element: XMLElement) throws(StorageError) {
        capacity = try element.size("capacity")
        allocation = try element.size("allocation")
        available = try element.size("available")
        copyOnWrite = try copyOnWrite(in: element)
        target = try element.child("target").map { (target) throws(StorageError) in try PoolTarget(element: target) }
        refresh = try element.child("refresh").map { (refresh) throws(StorageError) in
            RefreshOverride(allocation: try refresh.child("volume")?.choice("allocation"))
        }
        for options in element.children("mount_opts", in: OptionNamespace.fileSystem) where type.takesMountOptions {
            try readMountOptions(options)
        }
        for options in element.children("config_opts", in: OptionNamespace.rbd) where type == .rbd {
            try readConfigOptions(options)
        }
        readForeignContent(of: element)
    }

    /// The pool's name; where the source has one, the pool's defaults to it.
    private static func name(
        of element: XMLElement, type: PoolType, sourceName: String?
    ) throws(StorageError) -> String {
        let child = element.child("name")
        guard let name = child?.textIfAny ?? (type.isNamedAfterSource ? sourceName : nil) else {
            throw (child ?? element).malformed("The pool has no name: add <name>NAME</name>")
        }
        guard !name.contains("/"), !name.unicodeScalars.contains("\n") else {
            throw (child ?? element).malformed(
                "The pool's name '\(name.printable)' holds a '/' or a newline: choose one without")
        }
        return name
    }

    private func copyOnWrite(in element: XMLElement) throws(StorageError) -> Bool? {
        guard let cow = element.child("features")?.child("cow") else { return nil }
        guard type == .directory || type == .fileSystem else {
            throw cow.malformed("The cow feature is for 'dir' and 'fs' pools only: remove it from this '\(type)' pool")
        }
        guard let state = try cow.yesOrNo("state") else {
            throw cow.malformed("<cow> has no state: add state='yes' or state='no'")
        }
        return state
    }

    private mutating func readMountOptions(_ element: XMLElement) throws(StorageError) {
        for option in element.children("option", in: OptionNamespace.fileSystem) {
            guard let name = option.attribute("name") else {
                throw option.malformed("A mount option has no name or an empty one: add name='OPTION'")
            }
            mountOptions.append(name)
        }
    }

    private mutating func readConfigOptions(_ element: XMLElement) throws(StorageError) {
        for option in element.children("option", in: OptionNamespace.rbd) {
            guard let name = option.attribute("name") else {
                throw option.malformed("An rbd option has no name or an empty one: add name='OPTION'")
            }
            guard let value = option.attribute("value") else {
                throw option.malformed(
                    "The rbd option '\(name.printable)' has no value or an empty one: add value='VALUE'")
            }
            configOptions.append(ConfigOption(name: name, value: value))
        }
    }

    private mutating func readForeignContent(of element: XMLElement) {
        var known = PoolDefinition.known
        if type.takesMountOptions { known.append(PoolDefinition.knownMountOptions) }
        if type == .rbd { known.append(PoolDefinition.knownConfigOptions) }
        foreign = element.foreignContent(
            attributes: ["type"], known, prefixes: ["fs": OptionNamespace.fileSystem, "rbd": OptionNamespace.rbd])
    }
}

extension PoolType {
    /// Whether the source has a name, which the pool's name defaults to and the other way round.
    var isNamedAfterSource: Bool {
        switch self {
        case .logical, .rbd, .sheepdog, .gluster, .zfs, .vstorage: true
        default: false
        }
    }

    var takesMountOptions: Bool { self == .fileSystem || self == .networkFileSystem }
}
