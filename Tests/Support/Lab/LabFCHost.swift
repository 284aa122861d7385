public import SANModel
public import SystemPackage

/// A Fibre Channel host of the guest, on a NIC of its own with a PCI address.
public struct LabFCHost: Sendable {
    public let pciAddress: String
    public let interface: String
    public let switchInterface: String
    public let wwpn: WWN
    public let wwnn: WWN

    init(nic: String, switchNIC: String) throws {
        pciAddress = nic
        interface = try LabFCHost.interface(at: nic)
        switchInterface = try LabFCHost.interface(at: switchNIC)
        let mac = try LabFile.read(FilePath("/sys/class/net/\(interface)/address")).filter { $0 != ":" }
        guard let wwpn = WWN("2000\(mac)"), let wwnn = WWN("1000\(mac)") else {
            throw LabFailure("\(interface) has the MAC address \(mac)")
        }
        self.wwpn = wwpn
        self.wwnn = wwnn
    }

    /// The SCSI host, as `host8`; nil while it isn't connected.
    public var name: String? { LabFabric.scsiHost(of: wwpn) }

    /// `/sys/class/fc_host/hostN`; nil while it isn't connected.
    public var folder: FilePath? { name.map { FilePath("/sys/class/fc_host/\($0)") } }

    /// Whether the fabric has let it in; libfc says `Online` without a login too, so port id and fabric name count.
    public var isLoggedIn: Bool {
        guard let folder, (try? LabFile.read(folder.appending("port_state"))) == "Online" else { return false }
        return ["port_id", "fabric_name"].allSatisfy { name in
            // Gone while it is read: not logged in.
            guard let text = try? LabFile.read(folder.appending(name)) else { return false }
            return text.contains { $0 != "0" && $0 != "x" }
        }
    }

    var controller: FilePath? {
        let folder = FilePath("/sys/class/net/\(interface)")
        return LabFile.names(in: folder).first { $0.hasPrefix("ctlr_") }.map(folder.appending)
    }

    private static func interface(at address: String) throws -> String {
        let device = FilePath("/sys/bus/pci/devices/\(address)")
        for bus in LabFile.names(in: device) where bus.hasPrefix("virtio") {
            if let name = LabFile.names(in: device.appending(bus).appending("net")).first { return name }
        }
        throw LabFailure("There is no NIC at \(address)")
    }
}
