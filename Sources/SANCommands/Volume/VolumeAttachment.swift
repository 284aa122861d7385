import SANEngine
import SANModel

/// How a virtual machine reaches a volume: by a path on this host, or over the network by itself.
struct VolumeAttachment: Sendable {
    enum Route: Sendable {
        case file(String)
        case blockDevice(String)
        case iscsi(ISCSI)
        case gluster(Gluster)
        case rbd(RBD)
    }

    /// What an initiator in user space (libiscsi, in qemu) needs.
    struct ISCSI: Sendable {
        var portal: Portal
        var target: String
        /// The LUN's first two bytes as one number, which is what libiscsi takes: the LUN itself up to 255, 0x4000 more above.
        var lun: UInt16
        var initiator: String?
        var authentication: PoolSource.Authentication?
    }

    /// What a client in user space (libgfapi, in qemu) needs.
    struct Gluster: Sendable {
        var servers: [PoolSource.Host]
        var volume: String
        /// Below the volume's root, without a slash before it.
        var path: String
        /// The volume's own path, as libvirt has it.
        var uri: String
    }

    /// A secret that the user of the volume has to provide.
    struct Secret: Sendable {
        /// The id that ``VolumeAttachment/blockDevice()`` uses.
        var id: String
        var type: String
        var reference: SecretReference

        var json: JSONValue {
            ["id": .string(id), "type": .string(type), "secret": reference.json]
        }
    }

    let name: String
    let route: Route
    let format: VolumeFormat
    let encryption: EncryptionDefinition?
    /// Whether it was listed with a backing file.
    let hasBacking: Bool

    /// - Throws: `unsupported` for what no virtual machine takes, `invalid_state` for a pool whose document lacks the way, and for a volume that
    ///   may be encrypted.
    init(_ volume: Volume, poolType: PoolType, in pool: PoolDefinition) throws(StorageError) {
        name = volume.name
        guard !volume.isEncryptionUnknown || volume.definition.target.encryption?.secrets.isEmpty == false else {
            throw StorageError(
                .invalidState,
                "It couldn't be seen whether '\(volume.name.printable)' is encrypted: mend its problem, and refresh the pool",
                subject: .volume(volume.name.printable))
        }
        // What begins an image of a secret that nobody knows may be its guest's own header.
        let isGuests = volume.image != nil && volume.definition.target.encryption?.secrets.isEmpty == true
        encryption = isGuests ? nil : volume.definition.target.encryption
        hasBacking = volume.definition.backingStore != nil
        let declared = volume.definition.target.format ?? .raw
        // What isn't known is raw: nobody may probe what a guest has written.
        format = ["unknown", "none", "iso"].contains(declared) ? .raw : declared
        switch volume.definition.type {
        case .file: route = .file(volume.path)
        case .block: route = .blockDevice(volume.path)
        case .network where poolType == .iscsiDirect: route = .iscsi(try ISCSI(volume, in: pool))
        case .network where poolType == .gluster: route = .gluster(try Gluster(volume, in: pool))
        case .network where poolType == .rbd: route = .rbd(try RBD(volume, in: pool))
        case let type:
            throw StorageError(
                .unsupported,
                "A \(type?.rawValue ?? "") volume of a \(poolType) pool can't be given to a virtual machine",
                subject: .volume(volume.name))
        }
    }

    /// Every secret that the volume can't be opened without.
    var secrets: [Secret] {
        var secrets: [Secret] = []
        if case .iscsi(let iscsi) = route, let reference = iscsi.authentication?.secret {
            secrets.append(Secret(id: "san-chap", type: "iscsi", reference: reference))
        }
        if case .rbd(let rbd) = route, let reference = rbd.authentication?.secret {
            secrets.append(Secret(id: "san-cephx", type: "ceph", reference: reference))
        }
        if let reference = encryption?.secrets.first {
            secrets.append(Secret(id: "san-key", type: "volume", reference: reference))
        }
        return secrets
    }

    /// - Throws: `unsupported` for a volume that has no path on this host.
    func path() throws(StorageError) -> String {
        switch route {
        case .file(let path), .blockDevice(let path): return path
        case .iscsi, .gluster, .rbd:
            throw StorageError(
                .unsupported, "The volume has no path on this host: use --for uri, qemu or libvirt",
                subject: .volume(name))
        }
    }

    /// `file:///…`, `gluster://HOST[:PORT]/VOLUME/PATH`, `rbd:POOL/[NAMESPACE/]IMAGE:…` as qemu reads it, or `iscsi://[USER@]PORTAL/TARGET/LUN` as
    /// libiscsi and qemu read it; a password or key isn't part of it.
    ///
    /// - Throws: `unsupported` for a target that libiscsi's URLs can't name.
    func uri() throws(StorageError) -> String {
        switch route {
        case .file(let path), .blockDevice(let path): return "file://" + VolumeAttachment.percentEncoded(path)
        case .gluster(let gluster): return gluster.uri
        case .rbd(let rbd): return rbd.uri
        case .iscsi(let iscsi):
            // libiscsi decodes nothing, and takes these for its own marks.
            let marks: Set<Character> = ["%", "@", "?", "/", "#"]
            guard !iscsi.target.contains(where: marks.contains) else {
                throw StorageError(
                    .unsupported, "An iSCSI URL can't name this target: use --for qemu or libvirt",
                    subject: .target(iscsi.target))
            }
            let user = iscsi.authentication?.username ?? ""
            let isPlain = !user.isEmpty && !user.contains(where: { marks.contains($0) || $0 == ":" })
            return "iscsi://\(isPlain ? user + "@" : "")\(iscsi.portal)/\(iscsi.target)/\(iscsi.lun)"
        }
    }

    private static func percentEncoded(_ path: String) -> String {
        path.utf8.reduce(into: "") { result, byte in
            let character = Character(Unicode.Scalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || "-._~/".contains(character) {
                result.append(character)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
    }
}

extension VolumeAttachment.Gluster {
    /// - Throws: `invalid_state` where the document doesn't say enough.
    init(_ volume: Volume, in pool: PoolDefinition) throws(StorageError) {
        guard !pool.source.hosts.isEmpty else {
            throw StorageError(
                .invalidState, "The pool's document doesn't say where the volume is", subject: .volume(volume.name))
        }
        servers = pool.source.hosts
        self.volume = pool.source.name ?? pool.name
        let folders = (pool.source.directory ?? "/").split(separator: "/").filter { $0 != "." }.map { String($0) }
        path = (folders + [volume.name]).joined(separator: "/")
        uri = volume.path
    }
}

extension VolumeAttachment.ISCSI {
    /// - Throws: `invalid_state` where the document or the LUN doesn't say enough.
    init(_ volume: Volume, in pool: PoolDefinition) throws(StorageError) {
        guard let host = pool.source.hosts.first, let device = pool.source.devices.first, let unit = volume.unit else {
            throw StorageError(
                .invalidState, "The pool's document doesn't say where the volume is", subject: .volume(volume.name))
        }
        guard unit.lun.raw & 0xFFFF_FFFF_FFFF == 0, let lun = UInt16(exactly: unit.lun.raw >> 48) else {
            throw StorageError(
                .unsupported, "LUN \(unit.lun) has more than one level: no initiator in user space reaches it",
                subject: .volume(volume.name))
        }
        portal = Portal(host: host.name, port: host.port ?? 3260)
        target = device.path
        self.lun = lun
        initiator = pool.source.initiator
        authentication = pool.source.authentication
    }
}
