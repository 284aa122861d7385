public import SANModel

/// Finds out which SCSI host an adapter is, so that two definitions of one HBA are seen as such.
public protocol SCSIHostResolving: Sendable {
    /// The number of the host at a PCI address, or nil where this machine has none.
    func host(at address: PCIAddress, uniqueID: UInt32?) -> UInt32?
    /// The number of the vHBA's own host, where it exists.
    func host(of adapter: PoolSource.FibreChannel) -> UInt32?
    /// The number of the HBA that the vHBA is or would be on.
    func parentHost(of adapter: PoolSource.FibreChannel) -> UInt32?
}

/// Knows no host: adapters are compared by what their documents say.
public struct UnresolvedSCSIHosts: SCSIHostResolving {
    public init() {}

    public func host(at address: PCIAddress, uniqueID: UInt32?) -> UInt32? { nil }
    public func host(of adapter: PoolSource.FibreChannel) -> UInt32? { nil }
    public func parentHost(of adapter: PoolSource.FibreChannel) -> UInt32? { nil }
}

/// The name of a SCSI host: `host5`, `scsi_host5` or `fc_host5`.
public struct SCSIHostName: Sendable, Hashable {
    public let number: UInt32

    public init?(_ text: String) {
        for prefix in ["host", "scsi_host", "fc_host"] where text.hasPrefix(prefix) {
            guard let number = UInt64(decimal: text.dropFirst(prefix.count)).flatMap(UInt32.init(exactly:)) else {
                continue
            }
            self.number = number
            return
        }
        return nil
    }
}
