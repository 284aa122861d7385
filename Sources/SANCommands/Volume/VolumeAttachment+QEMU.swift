import SANModel

extension VolumeAttachment {
    /// qemu's drivers by libvirt's names of formats.
    private static let drivers: [VolumeFormat: String] = [
        "raw": "raw", "qcow": "qcow", "qcow2": "qcow2", "qed": "qed", "vmdk": "vmdk", "vdi": "vdi", "vpc": "vpc",
        "vhd": "vpc",
        "bochs": "bochs", "cloop": "cloop", "dmg": "dmg", "ploop": "parallels", "luks": "luks",
    ]

    /// The argument of qemu's `-blockdev`: the format on top of the protocol.
    ///
    /// Each of ``secrets`` is an `-object secret` by its id.
    ///
    /// - Throws: `unsupported` for a format that qemu doesn't have.
    func blockDevice() throws(StorageError) -> JSONValue {
        var driver = try driver()
        var node: JSONObject = ["node-name": .string(nodeName), "file": protocolNode]
        let key = secrets.first { $0.type == "volume" }.map { JSONValue.string($0.id) }
        if let encryption, !isDecryptedBelow {
            switch driver {
            case "raw", "luks":
                driver = "luks"
                node["key-secret"] = key
            case "qcow2", "qcow":
                var encrypt: JSONObject = ["format": encryption.format == .qcow ? "aes" : "luks"]
                encrypt["key-secret"] = key
                node["encrypt"] = .object(encrypt)
            default: throw StorageError(.unsupported, "qemu doesn't encrypt \(driver) images", subject: .volume(name))
            }
        }
        node["driver"] = .string(driver)
        // Where nothing is said, qemu opens whatever the header names by then.
        if !hasBacking, ["qcow2", "qcow", "qed", "vmdk"].contains(driver) { node["backing"] = .null }
        return .object(node)
    }

    /// - Throws: `unsupported`, for LUKS 2 too, which qemu can't open, but for an rbd image.
    func driver() throws(StorageError) -> String {
        if isDecryptedBelow { return "raw" }
        guard encryption?.format != .luks2 else {
            throw StorageError(
                .unsupported, "qemu doesn't open LUKS 2: use --for path, and open it with cryptsetup",
                subject: .volume(name))
        }
        guard let driver = VolumeAttachment.drivers[format] else {
            throw StorageError(
                .unsupported, "qemu has no driver for the format \(format.rawValue.printable)", subject: .volume(name))
        }
        return driver
    }

    /// librbd decrypts what it reads.
    var isDecryptedBelow: Bool {
        if case .rbd = route { true } else { false }
    }

    private var protocolNode: JSONValue {
        switch route {
        case .file(let path): return ["driver": "file", "filename": .string(path)]
        case .blockDevice(let path): return ["driver": "host_device", "filename": .string(path)]
        case .rbd(let rbd): return rbd.node(encryption)
        case .gluster(let gluster):
            let servers = gluster.servers.map { server -> JSONValue in
                // 24007 is Gluster's own; qemu has no default here.
                let port = server.port.flatMap { $0 == 0 ? nil : $0 } ?? 24007
                return ["type": "inet", "host": .string(server.name), "port": .string(String(port))]
            }
            return [
                "driver": "gluster", "volume": .string(gluster.volume), "path": .string(gluster.path),
                "server": .array(servers),
            ]
        case .iscsi(let iscsi):
            var node: JSONObject = [
                "driver": "iscsi", "transport": "tcp", "portal": .string(iscsi.portal.description),
                "target": .string(iscsi.target), "lun": .number(UInt64(iscsi.lun)),
            ]
            node["initiator-name"] = .optional(iscsi.initiator)
            if let authentication = iscsi.authentication {
                node["user"] = .string(authentication.username)
                node["password-secret"] = "san-chap"
            }
            return .object(node)
        }
    }

    /// A name that qemu takes: a letter, then letters, digits, `-`, `.` and `_`, 31 characters at most; other names get a
    /// checksum, so that two volumes don't get the same.
    private var nodeName: String {
        let plain = "san-" + name
        let isFit = plain.utf8.count <= 31 && plain.unicodeScalars.allSatisfy { $0.isNodeNameCharacter }
        if isFit { return plain }
        let kept = String(
            String.UnicodeScalarView(plain.unicodeScalars.map { $0.isNodeNameCharacter ? $0 : "-" }.prefix(22)))
        // FNV-1a, 32 bits.
        let checksum = name.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        return kept + "-" + String(checksum, radix: 16)
    }
}

extension Unicode.Scalar {
    fileprivate var isNodeNameCharacter: Bool {
        isASCII && (properties.isAlphabetic || ("0"..."9").contains(self) || self == "-" || self == "." || self == "_")
    }
}
