import SANEngine
import SANHost
import SANModel

/// What an `iscsi-direct` pool's `<source>` says, checked.
struct ISCSIDirectSource: Sendable, Hashable {
    var portal: Portal
    var target: IQN
    var initiator: IQN
    var authentication: PoolSource.Authentication?

    /// - Throws: `invalid_argument` for anything but one host, one device that is an IQN, an initiator IQN and CHAP.
    init(_ source: PoolSource) throws(StorageError) {
        guard source.hosts.count == 1, let host = source.hosts.first else {
            throw StorageError(
                .invalidArgument,
                "An iscsi-direct pool needs exactly one <host>, the target's portal; there are \(source.hosts.count)")
        }
        guard source.devices.count == 1, let device = source.devices.first else {
            throw StorageError(
                .invalidArgument,
                "An iscsi-direct pool needs exactly one <device>, whose path is the target's IQN; there are \(source.devices.count)"
            )
        }
        guard let initiator = source.initiator else {
            throw StorageError(
                .invalidArgument,
                "An iscsi-direct pool needs <initiator><iqn name='…'/></initiator>, the name it logs in with")
        }
        portal = try Portal(iscsi: host)
        target = try IQN(device.path)
        self.initiator = try IQN(initiator)
        authentication = try CHAPResolution.checked(source.authentication, of: .iscsiDirect)
    }

    /// The endpoint of the pool's sessions, with the values of its secrets.
    ///
    /// - Throws: `not_found` for a secret that isn't there, `invalid_argument` for one that can't be used.
    func endpoint(_ secrets: any SecretResolving) async throws(StorageError) -> ISCSIEndpoint {
        ISCSIEndpoint(
            portal: portal, target: target.description, initiator: initiator.description,
            credentials: try await CHAPResolution.credentials(
                for: authentication, target: target.description, from: secrets))
    }
}
