import SANEngine
import SANModel

/// What it takes to make a volume of a definition; found without touching anything.
package struct CreationPlan: Sendable {
    package enum Kind: Sendable, Hashable {
        case folder
        /// Made by us; fully allocated, or as much of its start as the document says.
        case raw(allocation: ByteCount?)
        /// Made by `qemu-img`, by its name of the format.
        case image(String, options: [String])
        /// Nothing here can make the format: only a copy of a volume that has it.
        case copy
    }

    package let name: FileName
    package let kind: Kind
    package let format: VolumeFormat
    package let capacity: ByteCount?
    package let backing: QemuImg.Backing?
    package let secret: SecretReference?
    package let definition: VolumeDefinition

    /// - Throws: `invalid_argument`, `unsupported`.
    package init(_ request: VolumeRequest) throws(StorageError) {
        let definition = request.definition
        let hasOrigin = request.origin != nil
        try CreationPlan.refuseDecrypted(request)
        try CreationPlan.refuseOtherSecret(request)
        let keepsEncryption = CreationPlan.keepsEncryption(request)
        self.definition = definition
        name = try FileName(definition.name)
        capacity = definition.capacity
        let target = definition.target
        let asked = target.format ?? .raw
        if let mode = target.permissions?.mode, mode > 0o777 {
            throw StorageError(.invalidArgument, "A volume's mode is 0 to 0777", subject: .volume(definition.name))
        }
        secret = keepsEncryption ? nil : try CreationPlan.secret(of: target.encryption, format: asked)
        format = (secret != nil || keepsEncryption) && asked == .raw ? "luks" : asked
        backing = try CreationPlan.backing(of: definition, format: format)
        switch format {
        case .directory: kind = .folder
        case .raw, "iso": kind = .raw(allocation: definition.allocation)
        case .qcow2:
            kind = .image(
                "qcow2",
                options: try CreationPlan.qcow2Options(
                    definition, preallocatesMetadata: request.preallocatesMetadata))
        case "luks":
            guard let encryption = target.encryption else {
                throw StorageError(.invalidArgument, "A luks volume needs <encryption> with its secret")
            }
            kind = .image("luks", options: try CreationPlan.encryptionOptions(encryption, prefix: ""))
        case "qcow", "qed", "vmdk", "vdi", "vpc": kind = .image(format.rawValue, options: [])
        case _ where hasOrigin && VolumeFormat.files.contains(format): kind = .copy
        default:
            throw StorageError(
                .unsupported,
                "Volumes of the format '\(format.rawValue.printable)' can't be made: raw, qcow2, qcow, qed, vmdk, vdi, vpc, luks and dir can"
            )
        }
    }

    /// Whether making it takes as long as its capacity needs.
    package var isPreallocated: Bool {
        if case .image(_, let options) = kind { options.contains { $0.hasPrefix("preallocation=") } } else { false }
    }

    /// The volume as it was made, whatever its bytes look like: a copy of a guest's may begin like an image.
    package func made(size: UInt64, file: FileIdentity) -> Volume {
        var made = definition
        made.target.format = format
        made.physical = ByteCount(size)
        return Volume(made, file: file)
    }

    /// - Throws: `invalid_argument` where the document has none.
    package var requiredCapacity: ByteCount {
        get throws(StorageError) {
            guard let capacity else {
                throw StorageError(.invalidArgument, "A volume needs a <capacity>", subject: .volume(name.text))
            }
            return capacity
        }
    }

    /// Whether it is an encrypted copy of an encrypted volume, which its origin's secret opens.
    private static func keepsEncryption(_ request: VolumeRequest) -> Bool {
        guard let encryption = request.definition.target.encryption,
            let origin = request.origin?.volume, let known = origin.definition.target.encryption, !origin.isDecrypted
        else { return false }
        return encryption.format == known.format
    }

    /// - Throws: `unsupported` for a copy in clear of what is encrypted.
    private static func refuseDecrypted(_ request: VolumeRequest) throws(StorageError) {
        guard let origin = request.origin?.volume, origin.isDecrypted,
            request.definition.target.encryption?.secrets.isEmpty ?? true
        else { return }
        throw StorageError(
            .unsupported,
            "'\(origin.name.printable)' is encrypted, and the copy wouldn't be: give the new volume an <encryption> with a <secret>",
            subject: .volume(origin.name.printable))
    }

    /// - Throws: `unsupported` for a copy of an encrypted file with another secret than its own: nothing here encrypts it anew, so that the
    ///   copy would be listed with a secret that doesn't open it.
    private static func refuseOtherSecret(_ request: VolumeRequest) throws(StorageError) {
        guard let origin = request.origin?.volume, !origin.isDecrypted,
            let known = origin.definition.target.encryption,
            let wanted = request.definition.target.encryption?.secrets, !wanted.isEmpty, wanted != known.secrets
        else { return }
        throw keepsItsSecret(origin)
    }

    static func keepsItsSecret(_ origin: Volume) -> StorageError {
        StorageError(
            .unsupported,
            "'\(origin.name.printable)' is encrypted, and a copy of it opens with its secret only: leave the <secret> out of the new volume's <encryption>",
            subject: .volume(origin.name.printable))
    }

    private static func secret(
        of encryption: EncryptionDefinition?, format: VolumeFormat
    ) throws(StorageError) -> SecretReference? {
        guard let encryption else { return nil }
        try refuseOldEncryption(encryption.format)
        guard [.raw, .qcow2, "luks"].contains(format) else {
            throw StorageError(.unsupported, "A \(format) volume can't be encrypted: use raw or qcow2")
        }
        guard encryption.secrets.count == 1 else {
            throw StorageError(.invalidArgument, "<encryption> needs one <secret>, and has \(encryption.secrets.count)")
        }
        return encryption.secrets[0]
    }

    /// Formats that are read and shown, and not made.
    private static func refuseOldEncryption(_ format: EncryptionDefinition.Format) throws(StorageError) {
        let reason: String
        switch format {
        case .luks: return
        case .default: reason = "it was to choose qcow's own encryption, which is broken"
        case .qcow: reason = "qcow's own encryption is broken, and QEMU 2.9 and later make no such volumes"
        case .luks2, .anyLUKS: reason = "qemu-img makes LUKS 1 only"
        }
        throw StorageError(
            .unsupported,
            "A volume can't be made with the encryption format '\(format.rawValue)', as \(reason): use luks")
    }

    private static func backing(
        of definition: VolumeDefinition, format: VolumeFormat
    ) throws(StorageError) -> QemuImg.Backing? {
        guard let store = definition.backingStore, let path = store.path, !path.isEmpty else { return nil }
        guard ["qcow2", "qcow", "qed", "vmdk"].contains(format) else {
            throw StorageError(.unsupported, "A \(format) volume can't stand on a backing file: use qcow2")
        }
        guard BackingName.isPath(path), !path.utf8.contains(where: { $0 < 0x20 }) else {
            throw StorageError(.invalidArgument, "The backing store '\(path.printable)' isn't the path of a file")
        }
        // As libvirt: raw where the document doesn't say. The file is never asked.
        let format = store.format ?? .raw
        guard VolumeFormat.files.contains(format), format != "unknown", format != "none" else {
            throw StorageError(
                .invalidArgument, "The backing store has the unknown format '\(format.rawValue.printable)'")
        }
        return QemuImg.Backing(name: path, format: format.driver)
    }

    private static func qcow2Options(
        _ definition: VolumeDefinition, preallocatesMetadata: Bool
    ) throws(StorageError) -> [String] {
        let target = definition.target
        let compat = target.compat ?? (target.features == nil ? "0.10" : "1.1")
        guard ["0.10", "1.1"].contains(compat) else {
            throw StorageError(.invalidArgument, "compat is 0.10 or 1.1, not '\(compat.printable)'")
        }
        var options = ["compat=\(compat)"]
        if let cluster = target.clusterSize?.bytes {
            guard (512...(2 << 20)).contains(cluster), cluster.nonzeroBitCount == 1 else {
                throw StorageError(
                    .invalidArgument, "clusterSize is a power of two from 512 B to 2 MiB, not \(cluster)")
            }
            options.append("cluster_size=\(cluster)")
        }
        if let features = target.features, features.lazyRefcounts || features.extendedL2 {
            guard compat == "1.1" else {
                throw StorageError(
                    .invalidArgument, "lazy_refcounts and extended_l2 need <compat>1.1</compat>, not \(compat)")
            }
            if features.lazyRefcounts { options.append("lazy_refcounts=on") }
            if features.extendedL2 { options.append("extended_l2=on") }
        }
        if preallocatesMetadata {
            guard definition.backingStore?.path == nil else {
                throw StorageError(.invalidArgument, "Metadata can't be preallocated in a volume with a backing store")
            }
            let isFull = definition.allocation.map { $0 >= definition.capacity ?? 0 } ?? true
            options.append(isFull ? "preallocation=falloc" : "preallocation=metadata")
        }
        if target.noCopyOnWrite { options.append("nocow=on") }
        if let encryption = target.encryption {
            options.append("encrypt.format=luks")
            options += try encryptionOptions(encryption, prefix: "encrypt.")
        }
        return options
    }

    private static func encryptionOptions(
        _ encryption: EncryptionDefinition, prefix: String
    ) throws(StorageError) -> [String] {
        var options = ["\(prefix)key-secret=\(QemuImg.secretID)"]
        func add(_ key: String, _ value: String?) throws(StorageError) {
            guard let value else { return }
            guard !value.isEmpty,
                value.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
            else { throw StorageError(.invalidArgument, "'\(value.printable)' isn't a name of a cipher, mode or hash") }
            options.append("\(prefix)\(key)=\(value)")
        }
        if let cipher = encryption.cipher {
            try add("cipher-alg", cipher.size == 0 ? cipher.name : "\(cipher.name)-\(cipher.size)")
            try add("cipher-mode", cipher.mode)
            try add("hash-alg", cipher.hash)
        }
        if let vector = encryption.initializationVector {
            try add("ivgen-alg", vector.name)
            try add("ivgen-hash-alg", vector.hash)
        }
        return options
    }
}

extension VolumeFormat {
    /// QEMU's name of the driver for a format of ours.
    package var driver: String {
        switch self {
        case "iso": "raw"
        case "ploop": "parallels"
        default: rawValue
        }
    }
}
