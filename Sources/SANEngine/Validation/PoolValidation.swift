public import SANModel

/// What a definition must have by its type, as libvirt's parser and schema ask for it.
///
/// Pure: no host is asked.
public enum PoolValidation {
    /// The longest name in bytes: it is a file's name, together with a suffix.
    public static let longestName = 250

    /// - Throws: `malformed_definition` for what is missing or contradicts itself, `invalid_argument` for a bad name.
    public static func check(_ definition: PoolDefinition) throws(StorageError) {
        try check(name: definition.name)
        do throws(StorageError) {
            try checkSource(definition)
            try checkTarget(definition)
            try checkExtras(definition)
        } catch {
            throw error.about(.pool, definition.name.printable)
        }
    }

    /// - Throws: `invalid_argument` for an empty name, `.`, `..`, one with `/`, a newline or NUL, and one over 250 bytes.
    public static func check(name: String) throws(StorageError) {
        let subject = StorageError.Subject.pool(name.printable)
        if name.isEmpty {
            throw StorageError(.invalidArgument, "Missing pool source name element: a pool needs a name")
        }
        if name.utf8.contains(UInt8(ascii: "/")) {
            throw StorageError(
                .invalidArgument, "The pool's name '\(name.printable)' cannot contain '/'", subject: subject)
        }
        if name.utf8.contains(where: { $0 == 0x0A || $0 == 0 }) {
            throw StorageError(
                .invalidArgument, "The pool's name '\(name.printable)' cannot contain a newline or NUL",
                subject: subject)
        }
        if name == "." || name == ".." {
            throw StorageError(.invalidArgument, "The pool's name can't be '.' or '..'", subject: subject)
        }
        guard name.utf8.count <= longestName else {
            throw StorageError(
                .invalidArgument, "The pool's name has \(name.utf8.count) bytes; \(longestName) is the most",
                subject: subject)
        }
    }

    static func malformed(_ message: String) -> StorageError {
        StorageError(.malformedDefinition, message)
    }
}

// MARK: - By type

extension PoolValidation {
    private static func checkSource(_ definition: PoolDefinition) throws(StorageError) {
        let source = definition.source
        switch definition.type {
        case .directory: break
        case .fileSystem: try requireDevice(source)
        case .networkFileSystem:
            try requireHost(source)
            guard let directory = source.directory, !directory.isEmpty else {
                throw malformed("Missing storage pool source path: <dir path='…'/> in <source>")
            }
            try checkProtocol(source)
        case .logical: try requireName(source, orOwn: definition.name)
        case .disk: try requireDevice(source)
        case .iscsi:
            try requireHost(source)
            try requireDevice(source)
            try requireAuthentication(source, .chap)
        case .iscsiDirect: try checkISCSIDirect(definition)
        case .scsi: try checkAdapter(source)
        case .multipath: break
        case .rbd: try checkRBD(source)
        case .sheepdog:
            try requireHost(source)
            try requireName(source, orOwn: definition.name)
        case .gluster: try checkGluster(source, definition.name)
        case .zfs, .vstorage: try requireName(source, orOwn: definition.name)
        }
    }

    private static func checkISCSIDirect(_ definition: PoolDefinition) throws(StorageError) {
        let source = definition.source
        try requireHost(source)
        guard source.hosts.count == 1 else {
            throw malformed("Expected exactly 1 host for the storage pool; \(source.hosts.count) are given")
        }
        guard source.devices.count == 1, let device = source.devices.first, !device.path.isEmpty else {
            throw malformed("Missing storage pool source device path: exactly one <device path='IQN'/> is needed")
        }
        guard IQN.isQualifiedName(device.path) else {
            throw malformed(
                "The source device '\(device.path.printable)' isn't an iSCSI qualified name (iqn.YYYY-MM.DOMAIN[:NAME])"
            )
        }
        guard let initiator = source.initiator, !initiator.isEmpty else {
            throw malformed("Missing initiator IQN: <initiator><iqn name='…'/></initiator> in <source>")
        }
        try requireAuthentication(source, .chap)
        guard definition.target == nil else {
            throw malformed("An iscsi-direct pool has no <target>: its volumes have no device on the host")
        }
    }

    private static func checkRBD(_ source: PoolSource) throws(StorageError) {
        guard let name = source.name, !name.isEmpty else {
            throw malformed("Element 'name' is mandatory for RBD pool")
        }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }) else {
            throw malformed("'\(name.printable)' isn't a Ceph pool: POOL or POOL/NAMESPACE is needed")
        }
        try requireHost(source)
    }

    private static func checkGluster(_ source: PoolSource, _ own: String) throws(StorageError) {
        try requireHost(source)
        let name = source.name ?? own
        guard !name.utf8.contains(UInt8(ascii: "/")) else {
            throw malformed("Gluster pool name '\(name.printable)' must not contain /")
        }
        if let directory = source.directory, !directory.hasPrefix("/") {
            throw malformed("Gluster pool path '\(directory.printable)' must start with /")
        }
    }

    private static func checkAdapter(_ source: PoolSource) throws(StorageError) {
        switch source.adapter {
        case nil: throw malformed("Missing storage pool source adapter")
        case .scsiHost(let name):
            guard SCSIHostName(name) != nil else {
                throw malformed("Invalid adapter name '\(name.printable)' for SCSI pool: hostN or scsi_hostN is needed")
            }
        case .parentAddress: break
        case .fibreChannel(let channel):
            switch (channel.parentWWNN, channel.parentWWPN) {
            case (let wwnn?, nil):
                throw malformed("When providing parent_wwnn='\(wwnn)', the parent_wwpn must also be provided")
            case (nil, let wwpn?):
                throw malformed("When providing parent_wwpn='\(wwpn)', the parent_wwnn must also be provided")
            default: break
            }
        }
    }

    private static func checkProtocol(_ source: PoolSource) throws(StorageError) {
        guard let version = source.protocolVersion else { return }
        guard ["nfs", "auto"].contains(source.format ?? "auto") else {
            throw malformed(
                "Storage pool protocol ver unsupported for pool format '\((source.format ?? "").printable)'")
        }
        guard !version.contains(",") else {
            throw malformed("Storage pool protocol ver '\(version.printable)' must not contain ','")
        }
    }
}

// MARK: - Pieces

extension PoolValidation {
    private static func requireHost(_ source: PoolSource) throws(StorageError) {
        guard !source.hosts.isEmpty else { throw malformed("Missing storage pool source host name") }
        guard source.hosts.allSatisfy({ !$0.name.isEmpty }) else { throw malformed("Missing storage pool host name") }
    }

    private static func requireDevice(_ source: PoolSource) throws(StorageError) {
        guard !source.devices.isEmpty else { throw malformed("Missing storage pool source device name") }
        guard source.devices.allSatisfy({ !$0.path.isEmpty }) else {
            throw malformed("Missing storage pool source device path")
        }
    }

    private static func requireName(_ source: PoolSource, orOwn name: String) throws(StorageError) {
        guard !(source.name ?? name).isEmpty else { throw malformed("Missing pool source name element") }
    }

    private static func requireAuthentication(
        _ source: PoolSource, _ kind: PoolSource.Authentication.Kind
    ) throws(StorageError) {
        guard let authentication = source.authentication else { return }
        guard authentication.kind == kind else {
            throw malformed("The iscsi pool only supports '\(kind.rawValue)' auth type")
        }
        guard !authentication.username.isEmpty else { throw malformed("Missing username for auth") }
    }

    private static func checkTarget(_ definition: PoolDefinition) throws(StorageError) {
        let path = definition.target?.path
        switch definition.type {
        case .directory, .fileSystem, .networkFileSystem, .disk, .iscsi, .scsi, .vstorage:
            guard let path, !path.isEmpty else { throw malformed("Missing storage pool target path") }
        case .logical, .multipath, .zfs, .rbd, .sheepdog, .gluster, .iscsiDirect: break
        }
        if let path, !path.hasPrefix("/") {
            throw malformed("The target path '\(path.printable)' isn't absolute")
        }
        if let mode = definition.target?.permissions?.mode, mode > 0o777 {
            throw malformed("Malformed octal mode: 0\(String(mode, radix: 8)) is over 0777")
        }
    }

    private static func checkExtras(_ definition: PoolDefinition) throws(StorageError) {
        if definition.copyOnWrite != nil, definition.type != .fileSystem, definition.type != .directory {
            throw malformed("Cow feature may only be used for 'fs' and 'dir' pools")
        }
        for option in definition.configOptions {
            if option.name.isEmpty { throw malformed("No/empty rbd option name specified") }
            if option.value.isEmpty {
                throw malformed("No/empty rbd option value specified for name '\(option.name.printable)'")
            }
        }
    }
}
