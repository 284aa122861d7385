public import SANHost
public import SANModel

/// A virtual HBA, running or defined, or a physical one that virtual ones can be made on.
public struct VirtualHBAStatus: Sendable, Hashable {
    /// Its definition's name, else the kernel's, `scsi_host10`.
    public var name: String
    /// The stored definition.
    public var definition: NodeDeviceDefinition?
    public var isAutostarted = false
    /// The port as it is now; nil where it isn't there.
    public var port: FCHost?
    public var targets: [FCRemotePort] = []
    /// The running pool that it belongs to.
    public var pool: String?
    public var problems: [Problem] = []

    init(name: String) {
        self.name = name
    }

    public var isPersistent: Bool { definition != nil }

    public var wwnn: WWN? { port?.nodeName ?? definition?.fibreChannel?.wwnn }
    public var wwpn: WWN? { port?.portName ?? definition?.fibreChannel?.wwpn }

    /// How it is said what it is on: the HBA of one that runs, else what its definition says; nil for a physical HBA.
    public var parent: String? {
        if let port { return port.virtual.map { "scsi_host\($0.parent)" } }
        return switch definition?.parent {
        case .name(let name): name
        case .ports(_, let wwpn): wwpn.description
        case .fabric(let wwn): wwn.description
        case nil: nil
        }
    }
}

extension NodeDeviceDefinition {
    var fibreChannel: FibreChannel? { scsiHost?.fibreChannel }

    /// What the kernel says of a port, as libvirt prints it.
    init(describing port: FCHost) throws(StorageError) {
        self.init(name: port.name)
        path = port.scsiHost.folder.path
        parent = port.virtual.map { .name("scsi_host\($0.parent)") }
        var host = SCSIHost(host: port.number)
        host.uniqueID = try port.scsiHost.uniqueID()
        host.fibreChannel = FibreChannel(wwnn: port.nodeName, wwpn: port.portName, fabricWWN: port.fabricName)
        host.vports = port.slots.map { VPorts(maximum: $0.maximum, inUse: $0.inUse) }
        scsiHost = host
    }
}

extension NodeDeviceDefinition: StorableDocument {
    static var noun: String { "vHBA" }
    static var subject: StorageError.Subject.Kind { .host }
    var storedName: String? { name }
}
