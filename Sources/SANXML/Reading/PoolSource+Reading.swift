public import SANModel

extension PoolSource {
    /// A `<source>` document, as find-sources reads it.
    ///
    /// - Throws: `malformed_definition` with line and column.
    public init(xml: [UInt8], type: PoolType) throws(StorageError) {
        let root = try ParsedDocument(parsing: xml).root()
        guard root.isNamed("source") else {
            throw root.malformed("The root element is <\(root.name.text.printable)>: <source> is needed here")
        }
        try self.init(element: root, type: type)
    }

    private static let vendorAndProduct: [KnownElement] = [.first("vendor", ["name"]), .first("product", ["name"])]
    private static let known: [KnownElement] =
        vendorAndProduct + [
            .each("host", ["name", "port"]),
            .each("device", ["path", "part_separator"], [.each("freeExtent", ["start", "end"])]),
            .first("dir", ["path"]), Adapter.known, .first("name"),
            .first("initiator", [], [.first("iqn", ["name"])]),
            .first("format", ["type"], vendorAndProduct), Authentication.known, .first("protocol", ["ver"]),
        ]

    init(element: XMLElement, type: PoolType) throws(StorageError) {
        self.init()
        for host in element.children("host") { hosts.append(try Host(element: host)) }
        for device in element.children("device") { devices.append(try Device(element: device)) }
        directory = element.child("dir")?.attribute("path")
        adapter = try element.child("adapter").map { (child) throws(StorageError) in try Adapter(element: child) }
        name = element.childText("name")
        initiator = element.child("initiator")?.child("iqn")?.attribute("name")
        format = try PoolSource.format(in: element, type: type)
        authentication = try element.child("auth").map { (child) throws(StorageError) in
            try Authentication(element: child)
        }
        protocolVersion = try protocolVersion(in: element, type: type)
        // Old schemas have vendor and product inside a logical pool's format.
        let format = element.child("format")
        vendor = (element.child("vendor") ?? format?.child("vendor"))?.attribute("name")
        product = (element.child("product") ?? format?.child("product"))?.attribute("name")
        foreign = element.foreignContent(PoolSource.known)
        let moved = format?.foreignContent(attributes: ["type"], PoolSource.vendorAndProduct).nested ?? [:]
        for (place, content) in moved where element.child(place.name) == nil { foreign.nested[place] = content }
        foreign.nested[.init("format")]?.nested = [:]
        if foreign.nested[.init("format")]?.isEmpty == true { foreign.nested[.init("format")] = nil }
    }

    private static func format(in element: XMLElement, type: PoolType) throws(StorageError) -> String? {
        guard let child = element.child("format") else { return nil }
        guard let known = type.sourceFormats else { return child.attribute("type") }
        return try child.attributeValue("type", "for a '\(type)' pool one of " + known.joined(separator: ", ")) {
            known.contains($0) ? $0 : nil
        }
    }

    private func protocolVersion(in element: XMLElement, type: PoolType) throws(StorageError) -> String? {
        guard let child = element.child("protocol"), let version = child.attribute("ver") else { return nil }
        guard type == .networkFileSystem, format == nil || format == "auto" || format == "nfs" else {
            throw child.malformed("A protocol version is for 'netfs' pools of format nfs or auto only: remove it")
        }
        guard !version.contains(",") else {
            throw child.malformed(
                "The protocol version '\(version.printable)' holds a ',': give one version, such as 4.2")
        }
        return version
    }
}

extension PoolSource.Host {
    init(element: XMLElement) throws(StorageError) {
        self.init(name: try element.requiredAttribute("name", "a host name or address without brackets"))
        // libvirt takes 0 and -1 for a port that isn't given.
        port =
            try element.attributeValue("port", "a port, 1 to 65535,") { text -> UInt16?? in
                if text == "-1" { return .some(nil) }
                return UInt64(decimal: text).flatMap { UInt16(exactly: $0) }.map { $0 == 0 ? nil : $0 }
            } ?? nil
    }
}

extension PoolSource.Device {
    init(element: XMLElement) throws(StorageError) {
        self.init(path: try element.requiredAttribute("path", "a device node or a target's IQN"))
        partitionSeparator = try element.yesOrNo("part_separator")
        for extent in element.children("freeExtent") { freeExtents.append(try Extent(element: extent)) }
    }
}

extension Extent {
    init(element: XMLElement) throws(StorageError) {
        func bytes(_ name: String) throws(StorageError) -> ByteCount {
            _ = try element.requiredAttribute(name, "a number of bytes")
            return try element.attributeValue(name, "a number of bytes up to 2^64 - 1") {
                UInt64(decimal: $0).map { ByteCount($0) }
            } ?? 0
        }
        self.init(start: try bytes("start"), end: try bytes("end"))
    }
}

extension PoolSource.Authentication {
    /// Once passwords stood here: what libvirt ignores must not be kept and shown.
    fileprivate static let known = KnownElement.first(
        "auth", ["type", "username", "passwd"], [.first("secret", ["type", "uuid", "usage"])])

    init(element: XMLElement) throws(StorageError) {
        // Documentation up to 8.0 says `iscsi` for CHAP. What it has as the type of <secret> says nothing more: dropped.
        let kind = try element.attributeValue("type", "chap or ceph") { $0 == "iscsi" ? .chap : Kind(rawValue: $0) }
        guard let kind else { throw element.malformed("<auth> has no type: add type='chap' or type='ceph'") }
        let username = try element.requiredAttribute("username", "the name to log in with")
        guard let secret = element.child("secret") else {
            throw element.malformed("<auth> has no <secret>: add <secret usage='…'/> or <secret uuid='…'/>")
        }
        self.init(kind: kind, username: username, secret: try secret.secretReference())
    }
}

extension PoolType {
    /// What `<format type=…>` of the source may be; nil where libvirt doesn't look at it.
    var sourceFormats: [String]? {
        switch self {
        case .fileSystem:
            [
                "auto", "ext2", "ext3", "ext4", "ufs", "iso9660", "udf", "gfs", "gfs2", "vfat", "hfs+", "xfs", "ocfs2",
                "vmfs",
            ]
        case .networkFileSystem: ["auto", "nfs", "glusterfs", "cifs"]
        case .logical: ["unknown", "lvm2"]
        case .disk: ["unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2"]
        default: nil
        }
    }
}
