public import SANHost
public import SANModel
public import SystemPackage

/// Serialises work on what all pools and processes of this host share: a lock per thing, one file each below `<runtime>/locks/host`.
///
/// Whoever takes several takes a port's before a SCSI host's, and a host's with a lower number first.
public struct HostCoordinator: Sendable {
    private let folder: FilePath

    /// - Parameter runtime: the engine's runtime folder.
    public init(runtime: FilePath) {
        folder = runtime.appending("locks").appending("host")
    }

    /// Something that one may work on at a time.
    public enum Resource: Sendable, Hashable {
        /// Scans of a SCSI host, and the virtual ports on it (L20: the kernel's scan mutex is per host).
        case scsiHost(UInt32)
        /// A virtual port by its name, whether it exists or not.
        case port(WWN)
        /// The sessions of an iSCSI target, and open-iscsi's records of it (L53, L55).
        case target(String)
        /// A discovery at a portal, and open-iscsi's record of it.
        case portal(Portal)
    }

    /// Waits its turn.
    ///
    /// - Parameter verb: what is being done, for who waits meanwhile.
    /// - Throws: `busy` at the deadline, naming the holder; `cancelled`, `permission_denied`, `host_failure`.
    public func hold(
        _ resource: Resource, for verb: String, until deadline: Deadline
    ) async throws(StorageError) -> FileLock {
        try LocalFolder(folder).create()
        do throws(StorageError) {
            return try await FileLock.acquire(
                .exclusive, at: folder.appending(resource.fileName), for: verb, of: resource.description,
                until: deadline)
        } catch {
            throw error.about(.host, resource.name)
        }
    }
}

extension HostCoordinator.Resource: CustomStringConvertible {
    public var description: String {
        switch self {
        case .scsiHost: "The SCSI host \(name)"
        case .port: "The port \(name)"
        case .target: "The iSCSI target \(name)"
        case .portal: "The iSCSI portal \(name)"
        }
    }

    fileprivate var name: String {
        switch self {
        case .scsiHost(let number): "scsi_host\(number)"
        case .port(let wwpn): wwpn.description
        case .target(let name): name.printable
        case .portal(let portal): portal.description.printable
        }
    }

    fileprivate var fileName: String {
        switch self {
        case .scsiHost: name + ".lock"
        case .port: "port-\(name).lock"
        case .target(let name): "target-\(LockFolder.digest(of: name)).lock"
        case .portal(let portal): "portal-\(LockFolder.digest(of: portal.description)).lock"
        }
    }
}
