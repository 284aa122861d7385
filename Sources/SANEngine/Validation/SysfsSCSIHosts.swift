public import SANHost
public import SANModel

/// Finds the SCSI host of an adapter in sysfs.
public struct SysfsSCSIHosts: SCSIHostResolving {
    private let host: HostRoot

    public init(host: HostRoot) {
        self.host = host
    }

    /// The host of an adapter that names one, by its number or its place on the PCI bus.
    ///
    /// - Throws: `not_found`, `invalid_argument` where several hosts fit or the name is none, `permission_denied`, `host_failure`.
    public func host(named name: String) throws(StorageError) -> SCSIHost {
        guard let number = SCSIHostName(name)?.number else {
            throw StorageError(
                .invalidArgument,
                "Invalid adapter name '\(name.printable)' for SCSI pool: hostN or scsi_hostN is needed")
        }
        guard let found = try SCSIHost(number: number, on: host) else {
            throw StorageError(
                .notFound, "This machine has no SCSI host \(number); /sys/class/scsi_host shows what there is",
                subject: .host("scsi_host\(number)"))
        }
        return found
    }

    /// The host on exactly this PCI function: the nearest one above it.
    ///
    /// Virtual ports, which are below the function of the HBA that they are on, don't count.
    ///
    /// - Parameter uniqueID: what the host's `unique_id` is, 0 included; nil for the only host of the function.
    public func host(onFunction address: PCIAddress, uniqueID: UInt32?) throws(StorageError) -> SCSIHost {
        let hosts = try SCSIHost.all(on: host).filter { $0.pciAddress == address && !$0.isVirtualPort }
        guard let uniqueID else {
            if let only = hosts.first, hosts.count == 1 { return only }
            if hosts.isEmpty {
                throw StorageError(
                    .notFound,
                    "Failed to find scsi_host using PCI '\(address)'; /sys/class/scsi_host shows what there is")
            }
            throw StorageError(
                .invalidArgument,
                "PCI '\(address)' has \(hosts.count) SCSI hosts: \(try list(hosts)); say which with unique_id")
        }
        var matches: [SCSIHost] = []
        for host in hosts where try host.uniqueID() == uniqueID { matches.append(host) }
        if let only = matches.first, matches.count == 1 { return only }
        if matches.isEmpty {
            let others = hosts.isEmpty ? "there is no SCSI host on it" : "it has \(try list(hosts))"
            throw StorageError(
                .notFound, "Failed to find scsi_host using PCI '\(address)' and unique_id='\(uniqueID)': \(others)")
        }
        throw StorageError(
            .invalidArgument,
            "PCI '\(address)' has several SCSI hosts with unique_id \(uniqueID): \(try list(matches)); name one of them instead"
        )
    }

    private func list(_ hosts: [SCSIHost]) throws(StorageError) -> String {
        var parts: [String] = []
        for host in hosts {
            parts.append("\(host.name) (unique_id \(try host.uniqueID().map(String.init) ?? "unknown"))")
        }
        return parts.joined(separator: ", ")
    }

    // MARK: For the check for duplicate sources, where what can't be read is no conflict

    public func host(at address: PCIAddress, uniqueID: UInt32?) -> UInt32? {
        let found = try? host(onFunction: address, uniqueID: uniqueID)  // see above
        return found?.number
    }

    public func host(of adapter: PoolSource.FibreChannel) -> UInt32? {
        port(of: adapter)?.number
    }

    /// The parent of a virtual port that exists, else the HBA that the adapter names; nil where it leaves the choice.
    public func parentHost(of adapter: PoolSource.FibreChannel) -> UInt32? {
        if let virtual = port(of: adapter)?.virtual { return virtual.parent }
        guard let parent = VirtualHBARequest(adapter).parent, let ports = try? FCHost.all(on: host) else {  // see above
            return nil
        }
        let found = try? parent.port(among: ports)  // see above
        return found?.number
    }

    private func port(of adapter: PoolSource.FibreChannel) -> FCHost? {
        let ports = try? FCHost.all(on: host)  // see above
        return ports?.first { $0.portName == adapter.wwpn && $0.nodeName == adapter.wwnn }
    }
}
