public import SANHost
public import SANModel

/// A SCSI host of this machine as it is now: an HBA, a virtual one, the host of an iSCSI session.
public struct HBAStatus: Sendable, Hashable {
    public let scsiHost: SCSIHost
    public var transport: SCSITransport
    /// The driver's name, `virtio_scsi`, `qla2xxx`.
    public var driver: String?
    /// The kernel's word for the SCSI host: `running`, `recovery`, `offline`.
    public var state: String?
    public var uniqueID: UInt32?
    /// What it is in Fibre Channel; nil for other transports.
    public var port: FCHost?
    /// The ports of the fabric that it knows.
    public var remotePorts: [FCRemotePort] = []
    public var sessions: [ISCSISession] = []
    /// How many logical units the kernel has devices for.
    public var unitCount: Int
    /// Why it doesn't do what it is there for.
    public var problems: [Problem] = []

    /// Everything that `host list` shows of one host.
    ///
    /// - Parameters:
    ///   - sessions: those of the machine.
    ///   - addresses: the units of the machine.
    /// - Throws: `permission_denied`, `host_failure`.
    init(_ scsiHost: SCSIHost, sessions: [ISCSISession], addresses: [UInt32: Int]) throws(StorageError) {
        self.scsiHost = scsiHost
        transport = try scsiHost.transport()
        driver = try scsiHost.driver()
        state = try scsiHost.attributes.text("state")
        uniqueID = try scsiHost.uniqueID()
        unitCount = addresses[scsiHost.number] ?? 0
        self.sessions = sessions.filter { $0.hostNumber == scsiHost.number }
        guard transport == .fibreChannel else { return }
        port = try FCHost(number: scsiHost.number, on: scsiHost.folder.host)
        remotePorts = try FCRemotePort.all(ofHost: scsiHost.number, on: scsiHost.folder.host)
    }

    /// libvirt's name of it, `scsi_host3`.
    public var name: String { scsiHost.name }

    /// What it can be asked for, by the words of `--cap`.
    public enum Capability: String, Sendable, Hashable, CaseIterable {
        case scsiHost = "scsi_host"
        case fibreChannel = "fc_host"
        /// Virtual ports can be made on it.
        case vports
        /// It is, or has, an iSCSI initiator.
        case iscsi
    }

    public var capabilities: [Capability] {
        [.scsiHost] + (port == nil ? [] : [.fibreChannel]) + (port?.slots == nil ? [] : [.vports])
            + (transport == .iscsi ? [.iscsi] : [])
    }
}
