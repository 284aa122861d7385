import SANEngine
import SANModel

/// What an `iscsi` pool's `<source>` says, checked.
struct ISCSISource: Sendable, Hashable {
    /// Where targets are asked for; at least one.
    var portals: [Portal]
    var target: String
    /// The name that is logged in with; nil for the host's own.
    var initiator: String?
    var authentication: PoolSource.Authentication?

    /// - Throws: `invalid_argument` for no host, anything but one device, names that can't be, and another kind of authentication than CHAP.
    init(_ source: PoolSource) throws(StorageError) {
        guard !source.hosts.isEmpty else {
            throw StorageError(.invalidArgument, "An iscsi pool needs a <host>, a portal of the target")
        }
        guard source.devices.count == 1, let device = source.devices.first else {
            throw StorageError(
                .invalidArgument,
                "An iscsi pool needs exactly one <device>, whose path is the target's name; there are \(source.devices.count)"
            )
        }
        var portals: [Portal] = []
        for host in source.hosts {
            let portal = try Portal(iscsi: host)
            if !portals.contains(portal) { portals.append(portal) }
        }
        self.portals = portals
        target = try TargetName.checked(device.path)
        initiator = try source.initiator.map { name throws(StorageError) in try IQN(name).description }
        authentication = try CHAPResolution.checked(source.authentication, of: .iscsi)
    }
}

/// The name of an iSCSI target: `iqn.…`, `eui.…`, `naa.…`, or what a target makes do with.
///
/// It becomes a folder's name in open-iscsi's database and a line of a record, so it holds nothing that means something there.
enum TargetName {
    static func isValid(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 223 && name != "." && name != ".." && !name.hasPrefix("-")
            && name.unicodeScalars.allSatisfy { scalar in
                scalar.value > 0x20 && scalar.value != 0x7F && scalar != "/" && scalar != ","
                    && !scalar.properties.isWhitespace
            }
    }

    /// - Throws: `invalid_argument`.
    static func checked(_ name: String) throws(StorageError) -> String {
        guard isValid(name) else {
            throw StorageError(
                .invalidArgument,
                "'\(name.printable)' isn't a target's name: iqn.YYYY-MM.REVERSED.DOMAIN[:NAME] is needed",
                subject: .target(name.printable))
        }
        return name
    }
}
