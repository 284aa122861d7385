public import SANModel

/// Finds the pool that has the same storage as a new one: libvirt's rules, and rules for rbd and iscsi-direct, which it lacks.
public struct DuplicateSource: Sendable {
    private let hosts: any SCSIHostResolving

    public init(resolving hosts: any SCSIHostResolving = UnresolvedSCSIHosts()) {
        self.hosts = hosts
    }

    /// The first of the pools that stands on the same storage; a pool of the same name is the one that is redefined and doesn't count.
    public func conflict(of new: PoolDefinition, among existing: [PoolDefinition]) -> PoolDefinition? {
        existing.first { $0.name != new.name && share(new, $0) }
    }

    private func share(_ new: PoolDefinition, _ old: PoolDefinition) -> Bool {
        if Self.deviceTypes.contains(new.type), Self.deviceTypes.contains(old.type) {
            return !Set(new.source.devices.map(\.path)).isDisjoint(with: old.source.devices.map(\.path))
        }
        guard new.type == old.type else { return false }
        let (a, b) = (new.source, old.source)
        switch new.type {
        case .directory: return folder(new) != nil && folder(new) == folder(old)
        case .networkFileSystem: return a.directory == b.directory && sameHost(a, b)
        case .gluster:
            return volumeName(new) == volumeName(old) && (a.directory ?? "/") == (b.directory ?? "/") && sameHost(a, b)
        case .iscsi:
            // Hosts don't count: two portals of one target lead to the same LUNs.
            return a.devices.first?.path == b.devices.first?.path && a.initiator == b.initiator
        case .iscsiDirect:
            return a.devices.first?.path == b.devices.first?.path && a.initiator == b.initiator
                && samePortal(a, b, defaultPort: 3260)
        case .rbd: return a.name == b.name && shareMonitor(a, b)
        case .scsi: return sameAdapter(a.adapter, b.adapter)
        case .sheepdog: return sameHost(a, b)
        case .multipath: return true
        case .vstorage: return volumeName(new) == volumeName(old)
        case .fileSystem, .logical, .disk, .zfs: return false
        }
    }

    private static let deviceTypes: Set<PoolType> = [.fileSystem, .logical, .disk, .zfs]

    /// The path without doubled and trailing slashes.
    private func folder(_ definition: PoolDefinition) -> [Substring]? {
        definition.target?.path.map { $0.split(separator: "/") }
    }

    private func volumeName(_ definition: PoolDefinition) -> String {
        definition.source.name ?? definition.name
    }

    /// libvirt's comparison of the first hosts: the port counts only where the new definition has one.
    private func sameHost(_ new: PoolSource, _ old: PoolSource) -> Bool {
        guard new.hosts.count == 1 || old.hosts.count == 1, let a = new.hosts.first, let b = old.hosts.first else {
            return false
        }
        guard a.name == b.name else { return false }
        guard let port = a.port, port != 0 else { return true }
        return port == b.port
    }

    private func samePortal(_ new: PoolSource, _ old: PoolSource, defaultPort: UInt16) -> Bool {
        guard let a = new.hosts.first, let b = old.hosts.first else { return false }
        return a.name == b.name && (a.port ?? defaultPort) == (b.port ?? defaultPort)
    }

    /// One monitor in common is one cluster.
    private func shareMonitor(_ new: PoolSource, _ old: PoolSource) -> Bool {
        new.hosts.contains { a in
            old.hosts.contains { b in
                a.name == b.name && (a.port == nil || b.port == nil || a.port == b.port)
            }
        }
    }
}

// MARK: - SCSI adapters

extension DuplicateSource {
    private func sameAdapter(_ new: PoolSource.Adapter?, _ old: PoolSource.Adapter?) -> Bool {
        guard let new, let old else { return false }
        switch (new, old) {
        case (.fibreChannel(let a), .fibreChannel(let b)): return a.wwnn == b.wwnn && a.wwpn == b.wwpn
        case (.fibreChannel(let vHBA), let other), (let other, .fibreChannel(let vHBA)):
            guard let number = hostNumber(of: other) else { return false }
            let parent = vHBA.parent.flatMap { SCSIHostName($0)?.number } ?? hosts.parentHost(of: vHBA)
            return number == parent || number == hosts.host(of: vHBA)
        case (.parentAddress(let a, let idA), .parentAddress(let b, let idB)) where a == b && idA == idB: return true
        default:
            guard let a = hostNumber(of: new), let b = hostNumber(of: old) else { return false }
            return a == b
        }
    }

    private func hostNumber(of adapter: PoolSource.Adapter) -> UInt32? {
        switch adapter {
        case .scsiHost(let name): SCSIHostName(name)?.number
        case .parentAddress(let address, let uniqueID): hosts.host(at: address, uniqueID: uniqueID)
        case .fibreChannel(let vHBA): hosts.host(of: vHBA)
        }
    }
}
