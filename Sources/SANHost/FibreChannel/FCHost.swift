public import SANModel

/// A Fibre Channel port of this host, physical or virtual, as its driver describes it now: `/sys/class/fc_host/hostN`.
public struct FCHost: Sendable, Hashable {
    public let scsiHost: SCSIHost
    public var portName: WWN
    public var nodeName: WWN
    /// Nil where the port isn't logged in to a fabric.
    public var fabricName: WWN?
    /// 24 bits; nil where the port isn't logged in.
    public var portID: UInt32?
    /// `Online`, `Offline`, `Linkdown` and so on.
    public var state: String
    /// `NPort (fabric via point-to-point)`, `NPIV VPORT` and so on.
    public var type: String?
    /// `16 Gbit`; nil where the driver doesn't know.
    public var speed: String?
    /// How many virtual ports it has and may have; nil for a port that can't have any.
    public var slots: Slots?
    /// What a virtual port is of; nil for a physical one.
    public var virtual: Virtual?

    /// The virtual ports of a physical one: `npiv_vports_inuse` and `max_npiv_vports`.
    public struct Slots: Sendable, Hashable {
        public var maximum: UInt32
        public var inUse: UInt32

        public init(maximum: UInt32, inUse: UInt32) {
            self.maximum = maximum
            self.inUse = inUse
        }

        public var free: UInt32 { maximum > inUse ? maximum - inUse : 0 }
    }

    /// What class `fc_vports` says of a virtual port.
    public struct Virtual: Sendable, Hashable {
        /// The number of the SCSI host that it was made on.
        public var parent: UInt32
        /// `Active`, `Initializing`, `Linkdown`, `No Fabric Support` and so on.
        public var state: String?
    }

    /// Every port, by the number of its SCSI host.
    ///
    /// - Throws: `permission_denied`, `host_failure`.
    public static func all(on host: HostRoot) throws(StorageError) -> [FCHost] {
        var ports: [FCHost] = []
        for name in try SysfsFolder("/sys/class/fc_host", on: host).names() {
            guard let number = SCSIHost.number(of: name), let port = try FCHost(number: number, on: host) else {
                continue
            }
            ports.append(port)
        }
        return ports.sorted { $0.number < $1.number }
    }

    /// - Returns: nil where there is no such host, it is no FC port, or it has just gone.
    /// - Throws: `permission_denied`, `host_failure`.
    public init?(number: UInt32, on host: HostRoot) throws(StorageError) {
        guard let scsiHost = try SCSIHost(number: number, on: host) else { return nil }
        let attributes = FCHost.attributes(of: scsiHost)
        guard let portName = try attributes.wwn("port_name"), let nodeName = try attributes.wwn("node_name"),
            let state = try attributes.text("port_state")
        else { return nil }
        self.scsiHost = scsiHost
        self.portName = portName
        self.nodeName = nodeName
        self.state = state
        // lpfc says all ones where there is no fabric, libfc zero.
        fabricName = try attributes.wwn("fabric_name").flatMap { [0, .max].contains($0.value) ? nil : $0 }
        portID = try attributes.number("port_id").flatMap { UInt32(exactly: $0) }.flatMap { $0 == 0 ? nil : $0 }
        type = try attributes.text("port_type")
        speed = try attributes.text("speed").flatMap { ["", "unknown", "Unknown"].contains($0) ? nil : $0 }
        if try FCHost.vportControl(of: scsiHost) != nil {
            slots = Slots(
                maximum: UInt32(clamping: try attributes.number("max_npiv_vports") ?? 0),
                inUse: UInt32(clamping: try attributes.number("npiv_vports_inuse") ?? 0))
        }
        // `…/hostP/vport-P:C-N/hostV`: the port's own host is below the virtual port's device.
        let vport = scsiHost.folder.parent
        if vport.name.hasPrefix("vport-"), let parent = SCSIHost.number(of: vport.parent.name) {
            virtual = Virtual(parent: parent, state: try vport["fc_vports"][vport.name].text("vport_state"))
        }
    }

    public var number: UInt32 { scsiHost.number }

    /// libvirt's name of the host, `scsi_host3`.
    public var name: String { scsiHost.name }

    public var isOnline: Bool { state == "Online" }

    /// Whether a fabric has let it in: libfc says `Online` without a login too.
    public var isLoggedIn: Bool { isOnline && portID != nil && fabricName != nil }

    /// The port's entry in class `fc_host`.
    static func attributes(of host: SCSIHost) -> SysfsFolder { host.folder["fc_host"]["host\(host.number)"] }

    /// Where the files `vport_create` and `vport_delete` are, which old kernels have in class `scsi_host`; nil for a port without them.
    static func vportControl(of host: SCSIHost) throws(StorageError) -> SysfsFolder? {
        for folder in [attributes(of: host), host.attributes] where try folder["vport_create"].exists() {
            return folder
        }
        return nil
    }
}

extension SCSIHost {
    /// Whether the host is a virtual port's: it is below its parent's PCI function, and often has its `unique_id` too.
    public var isVirtualPort: Bool { folder.parent.name.hasPrefix("vport-") }
}

extension SysfsFolder {
    /// A world wide name, which the kernel prints without leading zeros; nil for anything else.
    func wwn(_ attribute: String) throws(StorageError) -> WWN? {
        guard let text = try text(attribute), text.hasPrefix("0x") else { return nil }
        let digits = text.dropFirst(2)
        guard (1...16).contains(digits.utf8.count), digits.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            return nil
        }
        return UInt64(digits, radix: 16).map { WWN($0) }
    }
}
